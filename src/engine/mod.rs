//! Decisions over time: what comes in is written down, and from then on a worker walks at its
//! own pace.

pub mod intake;
pub mod operations;
pub mod targets;
