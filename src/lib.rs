//! reset-receiver: puts a reset Salesforce password and security token into CommuniGator before
//! the old one can lock the account.

pub mod cli;
pub mod clock;
pub mod domain;
pub mod engine;
pub mod hooks;
pub mod metrics;
pub mod operator;
pub mod ports;
pub mod senders;
pub mod shutdown;
pub mod store;
pub mod telemetry;
