//! What several suites need.

pub(crate) mod manual_clock;
pub(crate) mod openbao;
