//! What a rotation makes of what Vault holds, of what it does not hold yet, and of Vault's absence.

mod arriving;
mod changing;
mod doubtful;
mod settled;
mod unreadable;
mod written;
