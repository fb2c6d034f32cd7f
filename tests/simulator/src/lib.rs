//! A stand-in for a CommuniGator console and a Salesforce organisation.
#![doc = include_str!("../README.md")]

mod clock;
mod console;
mod credential;
mod faults;
mod log;
mod login_api;
mod salesforce;
mod schedule;
mod server;
mod simulator;
mod skins;
mod world;

pub use console::inspect::{ConnectorSnapshot, IntegrationSnapshot};
pub use console::surface::State;
pub use credential::Credential;
pub use faults::{Fault, Match, ParseFaultError, Times};
pub use log::{Change, ConsoleRequest};
pub use salesforce::{
    Caller, Lockout, LoginMethod, LoginOutcome, LoginRecord, Salesforce, UnknownUser, UserSnapshot,
};
pub use simulator::Simulator;
pub use skins::{Skin, UnknownSkin};
pub use world::{ConnectorPlan, ConsoleUser, InstancePlan, SalesforceUser, World};
