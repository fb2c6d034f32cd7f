//! What can be read out of Apex without compiling it: words, texts, and what is passed where.

/// The words of a text: letters, digits and underscores, in their order.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The code without its comments. The package has no comment sign inside a text.
pub(crate) fn without_comments(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::new();
    loop {
        let line = rest.find("// ").unwrap_or(rest.len());
        let block = rest.find("/*").unwrap_or(rest.len());
        let (start, end) = if block < line { (block, "*/") } else { (line, "\n") };
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        match rest.find(end) {
            Some(length) => rest = &rest[length + end.len()..],
            None => return kept,
        }
        kept.push('\n');
    }
}

/// The first text in quotes after each place where the code says this.
pub(crate) fn quoted_after<'a>(code: &'a str, call: &'a str) -> impl Iterator<Item = &'a str> {
    code.split(call).skip(1).filter_map(|rest| rest.split('\'').nth(1))
}

/// The arguments of every call that begins like this, up to the end of the line.
pub(crate) fn arguments<'a>(code: &'a str, call: &'a str) -> Vec<&'a str> {
    code.split(call).skip(1).filter_map(|rest| Some(rest.lines().next()?.trim())).collect()
}

/// The value of a constant of the test classes, a text or a whole number.
pub(crate) fn constant<'a>(code: &'a str, name: &str) -> &'a str {
    let (_, rest) = code.split_once(&format!(" {name} = ")).expect("the constant is there");
    let value = rest.lines().next().expect("a line").trim_end_matches(';');
    value.trim_matches('\'').trim_end_matches('L')
}
