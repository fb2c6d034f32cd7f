//! The ground floor: what a reset, a target, a secret and a rotation are, and every decision
//! that needs no outside world. It names no runtime, no clock, no randomness and no I/O.

pub mod announcement;
pub mod audit;
pub mod backoff;
mod describe;
pub mod entry;
pub mod event;
pub mod fault;
pub mod freshness;
pub mod ids;
pub mod lease;
pub mod outbound_object;
pub mod phase;
pub mod pin;
pub mod plan;
pub mod proof;
pub mod retention;
pub mod rotation;
pub mod secret;
pub mod step;
pub mod target;
pub mod track;
