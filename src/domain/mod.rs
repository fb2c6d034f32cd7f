//! The ground floor: what a reset, a target, a secret and a rotation are, and every decision
//! that needs no outside world. It names no runtime, no clock, no randomness and no I/O.

pub mod event;
pub mod fault;
pub mod ids;
pub mod secret;
pub mod target;
