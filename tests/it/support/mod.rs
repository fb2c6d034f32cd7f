//! What several suites need.

pub(crate) mod openbao;
