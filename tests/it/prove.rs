//! Proving, with the real program: how often anybody logs in at Salesforce, what a person is told,
//! and what is left behind.

mod answers;
mod bench;
mod kills;
mod spending;
