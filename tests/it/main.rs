//! Everything that is tested from outside the crate, as one program.

// So that the lints know helpers outside of `#[test]` functions for what they are.
#![cfg(test)]

mod support;

mod architecture;
mod console_contract;
mod hooks;
mod image;
mod manifests;
mod openapi;
mod vault;
