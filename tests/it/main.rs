//! Everything that is tested from outside the crate, as one program.

// So that the lints know helpers outside of `#[test]` functions for what they are.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "real processes and servers are waited for")]

mod support;

mod agent;
mod architecture;
mod clients;
mod console_contract;
mod crash;
mod demo;
mod end_to_end;
mod hooks;
mod image;
mod manifests;
mod openapi;
mod operator;
mod rotation;
mod store_contract;
mod vault;
mod watch;
mod written;
