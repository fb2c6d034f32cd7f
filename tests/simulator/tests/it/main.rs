//! The simulator, walked by hand in every skin.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod login_api;
#[cfg(test)]
mod person;
#[cfg(test)]
mod program;
#[cfg(test)]
mod salesforce;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod viewstate;
#[cfg(test)]
mod walks;
