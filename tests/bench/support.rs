//! What the tests have as well.

#[path = "../it/support/keeper.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
pub(crate) mod keeper;
#[path = "../it/support/postgres.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
pub(crate) mod postgres;
