//! Everything that is tested from outside the crate, as one program.

// So that the lints know helpers outside of `#[test]` functions for what they are.
#![cfg(test)]

mod support;

mod architecture;
mod console_contract;
mod console_login;
mod faults;
mod image;
mod manifests;
mod refused_secret;
mod replay;
mod rotation;
mod secrets;
mod store_contract;
mod surprises;
mod vault;
