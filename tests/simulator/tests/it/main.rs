//! The simulator, walked by hand in every skin.

mod faults;
mod person;
mod salesforce;
mod surfaces;
mod viewstate;
mod walks;
