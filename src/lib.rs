//! reset-receiver: puts a reset Salesforce password and security token into CommuniGator before
//! the old one locks the account.

pub mod domain;
pub mod engine;
pub mod hooks;
pub mod ports;
pub mod senders;
