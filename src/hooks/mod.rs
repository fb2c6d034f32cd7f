//! The public listener: routes for senders, over TLS, and nothing else.
//!
//! One request goes this way: source known, rate, size, raw bytes, authentication, type of
//! content, what it says, intake. What a stranger sends is never parsed, and what is answered 2xx is
//! durable.

mod access_log;
mod admission;
mod app;
mod client_certificates;
mod connections;
mod emails;
mod gate;
mod headers;
mod last_request;
mod listener;
mod outbound_messages;
mod peer;
mod problem;
mod rate;
mod readers;
mod resets;
mod sources;
mod stream;
mod vault_events;

pub mod limits;
pub mod server;
pub mod tls;
pub mod validity;

pub use server::{BindError, BoundHooks, Hooks, Mails, Settings};
pub use sources::Sources;
