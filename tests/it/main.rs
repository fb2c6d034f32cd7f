//! Every test that needs more than one part of the program.

mod console_contract;
