//! Bytes to authentic reset events. Names no web framework: what a sender sent is a
//! [`delivery::Delivery`], whichever listener it came through.

pub mod aside;
pub mod bearer;
pub mod client_certificate;
pub mod delivery;
pub mod email;
pub mod hmac_body;
pub mod json;
pub mod keys;
pub mod mtls;
pub mod notice;
pub mod outbound_message;
pub mod path_secret;
pub mod source;
pub mod standard_webhooks;
pub mod vault_event;
