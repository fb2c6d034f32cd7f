//! Every test that needs more than one part of the program.

#[cfg(test)]
mod console_contract;
