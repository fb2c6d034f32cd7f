//! Decisions over time: what comes in is written down, and from then on a worker walks at its
//! own pace.

mod await_secret;
mod confirm;
pub mod console_login;
mod contain;
pub mod drive;
mod hold;
pub mod intake;
pub mod mailed_token;
pub mod operations;
mod prove;
pub mod retention;
mod session;
pub mod settings;
pub mod targets;
pub mod untold;
mod update;
pub mod watch;
pub mod worker;
