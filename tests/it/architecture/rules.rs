//! What a file of this repository may not do, and where it does it.

use std::collections::BTreeSet;
use std::fmt;

use super::source::{Code, Name, Source, read};

/// Which modules a module may import besides itself; this is the picture in the crate's
/// documentation.
const PICTURE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("ports", &["domain"]),
    ("engine", &["ports", "domain"]),
    ("senders", &["ports", "domain"]),
    ("hooks", &["senders", "engine", "ports", "domain", "metrics"]),
    ("operator", &["engine", "ports", "domain", "metrics"]),
    ("vault", &["ports", "domain"]),
    ("communigator", &["ports", "domain"]),
    ("salesforce", &["ports", "domain"]),
    ("store", &["ports", "domain"]),
    ("notify", &["ports", "domain"]),
    ("sns", &["ports", "domain"]),
    ("clock", &["ports", "domain"]),
    // It names the settings of the modules that it configures.
    (
        "config",
        &["operator", "engine", "senders", "vault", "communigator", "store", "telemetry", "domain"],
    ),
    ("failpoints", &["ports", "domain"]),
    ("metrics", &["ports", "domain"]),
    ("telemetry", &[]),
    ("shutdown", &[]),
];

/// The composition root, from the top: each imports everything below it, and nobody imports them.
const ROOF: &[&str] = &["cli", "startup"];

/// Crates that a module may not name. The ground floor has no world at all, the engine meets it
/// through ports, and a sender's format does not know the web framework.
const CRATES: &[(&str, &[&str])] = &[
    ("domain", &["tokio", "actix", "actix_web", "actix_rt", "sqlx", "rusqlite", "reqwest", "rand"]),
    ("ports", &["actix", "actix_web", "actix_rt", "sqlx", "rusqlite", "reqwest", "vaultrs"]),
    ("engine", &["actix", "actix_web", "actix_rt", "sqlx", "rusqlite", "reqwest", "vaultrs"]),
    ("senders", &["actix", "actix_web", "actix_rt"]),
];

/// Types that are a clock.
const CLOCKS: &[&str] = &["SystemTime", "Instant"];

/// Functions that ask a clock or chance, as the last word of a path: `Timestamp::now`.
const ASKS: &[&str] = &["now", "now_v7", "new_v4"];

/// Parts of the standard library that are input and output.
const OUTSIDE: &[&str] = &["fs", "thread", "process", "env"];

/// Words that say nothing about what a module is for.
const EMPTY_WORDS: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "manager", "managers", "service", "services"];

/// The most lines that a file may have.
const LINES: usize = 450;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Imports go along the arrows of the picture.
    Arrow,
    /// The lower floors do not name what belongs to the upper ones.
    Floor,
    /// A file opens with its purpose.
    Purpose,
    /// A file has at most [`LINES`] lines.
    Length,
    /// A module is named for what it is.
    ModuleName,
    /// An import names what it imports.
    Glob,
    /// No test is ignored.
    Ignored,
    /// Nothing waits by sleeping.
    Sleep,
    /// A file is Rust.
    Unreadable,
}

/// A rule that is broken, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file.
    pub(crate) path: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The rule.
    pub(crate) rule: Rule,
    /// What was seen.
    pub(crate) seen: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.seen)
    }
}

/// Everything that is wrong with a file, in the order of its lines.
pub(crate) fn findings(source: &Source) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    let mut note = |line, rule, seen| {
        found.insert(Finding { path: source.path.clone(), line, rule, seen });
    };
    if !source.text.starts_with("//! ") {
        note(1, Rule::Purpose, "the first line is not a `//!` with the file's purpose".to_owned());
    }
    let lines = source.text.lines().count();
    if lines > LINES {
        note(lines, Rule::Length, format!("{lines} lines, and {LINES} are the most"));
    }
    for part in source.path.trim_end_matches(".rs").split('/').filter(|part| is_empty_word(part)) {
        note(1, Rule::ModuleName, format!("the name `{part}` does not say what is in it"));
    }
    match read(source) {
        Ok(code) => of_code(source, &code, &mut note),
        Err(error) => note(error.span().start().line, Rule::Unreadable, error.to_string()),
    }
    found.into_iter().collect()
}

fn of_code(source: &Source, code: &Code, note: &mut impl FnMut(usize, Rule, String)) {
    for (name, line) in code.modules.iter().filter(|(name, _)| is_empty_word(name)) {
        note(*line, Rule::ModuleName, format!("the name `{name}` does not say what is in it"));
    }
    for (words, line) in &code.attributes {
        let conditional = words.first().is_some_and(|word| word == "cfg_attr");
        if words.first().is_some_and(|word| word == "ignore")
            || conditional && words.iter().any(|word| word == "ignore")
        {
            note(*line, Rule::Ignored, "an ignored test".to_owned());
        }
    }
    for name in &code.names {
        let written = name.words.join("::");
        if name.words.windows(2).any(|pair| pair == ["thread", "sleep"]) {
            note(name.line, Rule::Sleep, format!("`{written}` waits for time, not for an event"));
        }
        if name.glob && !(name.in_tests && written == "super") {
            note(name.line, Rule::Glob, format!("`{written}::*` does not say what it imports"));
        }
        if source.path.starts_with("src/") {
            if let Some(seen) = wrong_arrow(name) {
                note(name.line, Rule::Arrow, seen);
            }
            if let Some(seen) = wrong_floor(name) {
                note(name.line, Rule::Floor, seen);
            }
        }
    }
}

/// Says which arrow a name draws, where the picture does not have it.
fn wrong_arrow(name: &Name) -> Option<String> {
    let to = name.path_from_root()?;
    // The root itself (`lib.rs`, `main.rs`) declares all modules, and may use them.
    let from = name.scope.first()?;
    let Some(to) = to.first() else {
        return Some(format!("`{from}` imports the root of the crate, which hides what it uses"));
    };
    if from == to {
        return None;
    }
    (!may_import(from, to)).then(|| format!("`{from}` may not import `{to}`"))
}

/// Whether the picture has the arrow; a module that is not in the picture has none.
fn may_import(from: &str, to: &str) -> bool {
    let floor = |module| ROOF.iter().position(|part| *part == module);
    let of = |module| PICTURE.iter().find(|(part, _)| *part == module);
    match (floor(from), floor(to)) {
        (Some(above), Some(below)) => above < below,
        (Some(_), None) => of(to).is_some(),
        (None, Some(_)) => false,
        (None, None) => of(from).is_some_and(|(_, allowed)| allowed.contains(&to)),
    }
}

/// Says what a name has to do with a floor above its own.
fn wrong_floor(name: &Name) -> Option<String> {
    let module = name.scope.first()?;
    let first = name.words.first()?;
    let (_, crates) = CRATES.iter().find(|(of, _)| of == module)?;
    if crates.contains(&first.as_str()) {
        return Some(format!("`{module}` may not name `{first}`"));
    }
    if module != "domain" {
        return None;
    }
    let written = name.words.join("::");
    let last = name.words.last()?;
    let a_clock = name.words.iter().any(|word| CLOCKS.contains(&word.as_str()));
    let asks = name.words.len() > 1 && ASKS.contains(&last.as_str());
    let outside =
        first == "std" && name.words.get(1).is_some_and(|w| OUTSIDE.contains(&w.as_str()));
    (a_clock || asks || outside)
        .then(|| format!("`{written}`: time, chance and the outside are parameters of `domain`"))
}

fn is_empty_word(name: &str) -> bool {
    name.split('_').any(|word| EMPTY_WORDS.contains(&word))
}
