//! The CommuniGator console, driven through its own pages.
//!
//! There is no API for the settings that hold a Salesforce login, so this adapter does what the
//! vendor's runbook tells a person to do, by what is written on the pages. Everything that depends
//! on the real pages is data ([`profile`]), is checked before it is trusted, and stops the walk
//! before anything is changed when a page is not what was expected.
//!
//! From the inside out: a [`control`] and a [`form`] know what a browser would send; a [`page`] is
//! [`read`] from markup, and [`find`] leads from a label to the one thing that it names; [`http`]
//! moves requests and classifies what goes wrong; a [`walk`] presses one thing after another;
//! [`verbs`] are the steps of a rotation, and a [`session`] is what the engine holds.

mod blot;
mod console;
mod control;
mod credential_form;
mod decode;
mod examine;
mod find;
mod form;
mod halt;
mod http;
mod labels;
mod login;
mod markup;
mod page;
mod postback;
mod profile;
mod read;
mod route;
mod session;
mod shown;
mod text;
mod totp;
mod verbs;
mod walk;

pub use console::{AccountConfig, AccountError, HttpConsole};
pub use http::Transport;
pub use profile::{Profile, ProfileError};
