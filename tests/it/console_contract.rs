//! The contract of a console driver, over every skin of the simulator.

mod bench;
mod faults;
mod manners;
mod permits;
mod stops;
mod verbs;
