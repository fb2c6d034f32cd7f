//! The integration tests: the product against real servers and stateful stand-ins.

#[cfg(test)]
mod support;
#[cfg(test)]
mod vault;
