//! Overload and decay: a store that is full, read-only, slow or gone, a Vault and a console that
//! are away for an hour, a Vault that is sealed or revokes a token, clocks that jump, ten thousand
//! events at once. Whatever it is, a sender is told 503 when nothing can be written, what was
//! accepted is in the journal, memory is bounded, and the rotation ends well by itself.

mod disk;
mod flood;
pub(crate) mod hands;
mod hours;
mod line;
mod revoked;
mod sealed;
mod server;
mod set_back;
mod small_disk;
mod told;
