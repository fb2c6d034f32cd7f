//! What the suites share: real servers and stateful stand-ins.

pub(crate) mod hand;
pub(crate) mod interruption;
pub(crate) mod manual_clock;
pub(crate) mod openbao;
pub(crate) mod town;
pub(crate) mod wire;
