//! How a person reads a text: white space folded, case and a label's colon or star ignored.

/// White space folded to single spaces, ends trimmed.
pub(super) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a text is compared by: folded, in lower case, without the colon or the "required" star
/// that forms put after a label.
pub(super) fn key(text: &str) -> String {
    fold(text).trim_end_matches([':', '*', ' ']).to_lowercase()
}

/// Whether two texts read the same.
pub(super) fn same(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// Folded and cut to `max` characters.
pub(super) fn shorten(text: &str, max: usize) -> String {
    let folded = fold(text);
    if folded.chars().count() <= max {
        return folded;
    }
    folded.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// Whether `text` contains one of the patterns, case ignored.
pub(super) fn contains_any(text: &str, patterns: &[String]) -> bool {
    let text = fold(text).to_lowercase();
    patterns.iter().any(|pattern| text.contains(&fold(pattern).to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_the_same_are_the_same() {
        assert!(same(" Security\u{a0}\n  Token: ", "security token"));
        assert!(same("Password *", "PASSWORD:"));
        assert!(!same("Password", "Passwords"));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(shorten("é é  é", 10), "é é é");
        assert_eq!(shorten("éééé", 3), "éé…");
    }
}
