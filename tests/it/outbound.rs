//! Salesforce's outbound messages over real TLS: who is believed, what is read, what is answered,
//! and what the journal holds then.

pub(crate) mod bench;
mod bombs;
mod certificates;
mod commands;
mod deliveries;
mod description;
mod notices;
mod reload;
