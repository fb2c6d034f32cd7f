//! What the engine needs of the world, as traits on domain types. Each is implemented by an
//! adapter named after a product, and by a stateful stand-in in the tests.

pub mod clock;
pub mod console;
pub mod journal;
pub mod login_probe;
pub mod meter;
pub mod secret_news;
pub mod secret_store;
pub mod secret_writer;
pub mod web;
