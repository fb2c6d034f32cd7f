//! What the suites share: real servers and stateful stand-ins.

pub(crate) mod certificate;
pub(crate) mod contract;
pub(crate) mod openbao;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod still_clock;
pub(crate) mod wire;
