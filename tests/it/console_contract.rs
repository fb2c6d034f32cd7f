//! The contract of a console driver, over every skin of the simulator.

mod bench;
mod faults;
mod manners;
mod stops;
mod verbs;
