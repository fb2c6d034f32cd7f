//! Everything that is tested from outside the crate, as one program.

// So that the lints know helpers outside of `#[test]` functions for what they are.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "real processes and servers are waited for")]

mod support;

mod agent;
mod architecture;
mod certificate;
mod clients;
mod console_contract;
mod console_login;
mod crash;
mod decay;
mod demo;
mod doctor;
mod emails;
mod end_to_end;
mod expansion;
mod faults;
mod gathering;
mod hooks;
mod hostile;
mod image;
mod manifests;
mod openapi;
mod operator;
mod outbound;
mod postgres;
mod prove;
mod refusals;
mod refused_secret;
mod repeated_secret;
mod replay;
mod replicas;
mod rotation;
mod runbook;
mod salesforce_package;
mod secrets;
mod seeds;
mod senders;
mod shared_account;
mod simulation;
mod store_contract;
mod surprises;
mod vault;
mod watch;
mod watched;
mod written;
