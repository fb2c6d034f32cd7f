//! Everything that is tested from outside the crate, as one program.

mod architecture;
mod manifests;
