//! The public listener, as senders and strangers meet it: over TLS, with the real store.

mod answers;
mod capacity;
mod crowded;
mod logged;
mod malformed;
mod refusals;
mod tls;
mod vault_events;
mod wire;
