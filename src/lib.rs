//! reset-receiver: puts a reset Salesforce password and security token into CommuniGator before
//! the old one locks the account.

pub mod communigator;
pub mod domain;
pub mod engine;
pub mod ports;
pub mod store;
pub mod vault;
