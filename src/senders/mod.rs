//! Bytes to authentic reset events. Names no web framework: what a sender sent is a
//! [`delivery::Delivery`], whichever listener it came through.

pub mod bearer;
pub mod delivery;
pub mod json;
pub mod keys;
pub mod notice;
pub mod source;
pub mod standard_webhooks;
pub mod vault_event;
