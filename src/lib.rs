//! reset-receiver puts a reset Salesforce password and security token into CommuniGator before
//! the old one locks the account.
//!
//! A reset arrives, is written down, and from then on the program walks at its own pace, writing
//! down each step before and after it takes it. Everything else is plumbing.
//!
//! # The way of a reset
//!
//! ```text
//!  sender ──HTTPS──► hooks ─► senders        who says it, what does it say
//!                      │
//!                      ▼
//!                  engine::intake ─► journal  written down, then answered 202
//!                      ┊ wakes
//!                      ▼
//!                  engine::worker             claims the console account (lease and fence)
//!                      │
//!                      ▼
//!                  engine::drive ◄─ domain    what next? (plan, over a fold of the journal)
//!                   │        │
//!          contain ─┤        ├─ await secret  Vault: is it there, is it new, are both halves?
//!          (disable)│        │
//!                   ▼        ▼
//!         prove ─► update ─► enable ─► confirm (a fresh console session) ─► completed
//! ```
//!
//! # The house
//!
//! ```text
//!  main ─► cli ─► startup ─► config · telemetry · metrics · shutdown · clock
//!           ┌────────┴───────────┐
//!    hooks · operator      vault · communigator · salesforce · store · sns
//!      │  └─► senders            │                             adapters never import one another
//!      ▼                         ▼
//!    engine ─────────────────► ports
//!      ▼                         ▼
//!    domain ◄────────────────────┘                             imports nothing of ours
//! ```
//!
//! `config` names the settings types of the modules that it configures; a test reads the imports
//! of every file and fails on an arrow that is not in this picture.
//!
//! # What always holds
//!
//! 1. An answer of 2xx means that the event survives a crash.
//! 2. No console write of a rotation comes before its containment, except where nothing was
//!    enabled.
//! 3. What we disabled is enabled only after every surface holds the new secret; what we found
//!    disabled stays disabled.
//! 4. Nothing is written or enabled with a version older than the newest one known.
//! 5. At most one proving login per target and version. After a refused login nothing tries again
//!    until a person or a newer version of that secret says so. The count lives in the store, not
//!    in a process.
//! 6. At most one rotation drives a console account at a time; a worker that lost its lease can
//!    write nothing and sends nothing.
//! 7. Every step may be done twice. A lost reply is indeterminate: look before doing anything.
//! 8. What we disabled always has a retry scheduled or a person told; nothing stays off in
//!    silence.
//! 9. No secret leaves Vault except to the console and Salesforce: not to the journal, a log, a
//!    metric, a page or an error.
//! 10. No database transaction is open across a call to another machine.
//! 11. Restarting is not a special case: the running and the restarted program execute the same
//!     code over the same journal.
//!
//! Rules 2 to 4 are enforced where the state changes ([`domain::rotation`]): an entry that would
//! break one cannot be written. Rule 6 is enforced by the store, which checks lease and fence in
//! the transaction that writes, and for the console, which knows no fence, by the worker, which
//! lets a drive take no step once its lease is over by its own clock.

pub mod cli;
pub mod clock;
pub mod communigator;
pub mod config;
pub mod domain;
pub mod engine;
#[cfg(feature = "failpoints")]
pub mod failpoints;
pub mod hooks;
pub mod metrics;
pub mod operator;
pub mod ports;
pub mod salesforce;
pub mod senders;
pub mod shutdown;
pub mod sns;
pub mod startup;
pub mod store;
pub mod telemetry;
pub mod vault;
