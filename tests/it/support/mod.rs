//! What the suites share: real servers and stateful stand-ins.

pub(crate) mod beside;
pub(crate) mod cable;
pub(crate) mod certificate;
pub(crate) mod contract;
pub(crate) mod hand;
pub(crate) mod interruption;
pub(crate) mod keeper;
pub(crate) mod mail_town;
pub(crate) mod manual_clock;
pub(crate) mod memory_journal;
pub(crate) mod openbao;
pub(crate) mod postgres;
pub(crate) mod public_listener;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod setting;
pub(crate) mod town;
pub(crate) mod wire;
