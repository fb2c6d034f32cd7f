//! What the suites share: real servers and stateful stand-ins.

pub(crate) mod openbao;
pub(crate) mod town;
