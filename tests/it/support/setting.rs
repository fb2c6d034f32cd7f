//! A number that a longer run of the tests may set.

/// The number that the environment gives, or `None`.
#[expect(clippy::disallowed_methods, reason = "how long a run takes is said where it is started")]
pub(crate) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var_os(name)?;
    let number = text.to_str().and_then(|text| text.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{name} is no whole number: {}", text.display())))
}
