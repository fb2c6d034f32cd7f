//! Mails that an email relay posts: who relays them, whether they are Salesforce's, and which reset
//! they tell of.
//!
//! ```text
//!  relay (its own proof) ─► mail (decoded) ─► verdict (SPF, DKIM, DMARC) ─► patterns ─► reset event
//! ```
//!
//! A mail proves nothing by itself: the relay proves that it is the relay, and what it says of SPF,
//! DKIM and DMARC that Salesforce sent the mail. A mail that is not one of Salesforce's notices is
//! no fault: it is put aside.

pub mod basic;
pub mod form;
pub mod headers;
pub mod mail;
pub mod mailbox;
pub mod mailgun;
pub mod opening;
pub mod patterns;
pub mod relay;
pub mod relayed;
pub mod sendgrid;
mod shape;
pub mod signing_certificates;
pub mod sns;
pub mod used_tokens;
pub mod verdict;
