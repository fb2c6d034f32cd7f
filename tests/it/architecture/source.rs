//! A Rust file as the names that it writes down, found by a real lexer: comments, documentation
//! and texts are not code, and do not count.

use proc_macro2::{Delimiter, LexError, Spacing, TokenStream, TokenTree};

/// A file of this repository.
pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

/// A path as it is written, `crate::domain::event`; an import with braces is one for each leaf.
#[derive(Clone)]
pub(crate) struct Name {
    /// Its words; the first may be `crate`, `self` or `super`.
    pub(crate) words: Vec<String>,
    /// Whether it ends in `*`.
    pub(crate) glob: bool,
    /// The modules around it, from the root of the crate.
    pub(crate) scope: Vec<String>,
    /// Whether it stands in a module under `#[cfg(test)]`.
    pub(crate) in_tests: bool,
    /// Where it starts, counted from 1.
    pub(crate) line: usize,
}

impl Name {
    /// The path from the root of this crate, or nothing for one that starts elsewhere. An empty
    /// path is the root itself, or a `super` that leads out of it.
    pub(crate) fn path_from_root(&self) -> Option<Vec<&str>> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let (first, rest) = words.split_first()?;
        if rest.is_empty() && !self.glob {
            return None;
        }
        let mut found: Vec<&str> = match *first {
            "crate" | "reset_receiver" => Vec::new(),
            "self" | "super" => self.scope.iter().map(String::as_str).collect(),
            _ => return None,
        };
        let rest = if *first == "super" { &words[..] } else { rest };
        for word in rest {
            match *word {
                "super" if found.pop().is_none() => return Some(Vec::new()),
                "super" | "self" => {}
                word => found.push(word),
            }
        }
        Some(found)
    }
}

/// What the rules look at.
#[derive(Default)]
pub(crate) struct Code {
    /// Every path, and every single word of code.
    pub(crate) names: Vec<Name>,
    /// Every `mod` with its line.
    pub(crate) modules: Vec<(String, usize)>,
    /// The words of every attribute, with its line.
    pub(crate) attributes: Vec<(Vec<String>, usize)>,
}

/// Reads a file; an error means that it is not Rust.
pub(crate) fn read(source: &Source) -> Result<Code, LexError> {
    let stream: TokenStream = source.text.parse()?;
    let mut reader = Reader {
        scope: scope_of(&source.path),
        in_tests: false,
        line: None,
        code: Code::default(),
    };
    reader.walk(stream)?;
    Ok(reader.code)
}

/// `src/engine/worker.rs` is `engine::worker`; `lib.rs`, `main.rs` and `mod.rs` add nothing.
fn scope_of(path: &str) -> Vec<String> {
    path.trim_start_matches("src/")
        .trim_end_matches(".rs")
        .split('/')
        .filter(|part| !matches!(*part, "lib" | "main" | "mod"))
        .map(ToOwned::to_owned)
        .collect()
}

struct Reader {
    scope: Vec<String>,
    in_tests: bool,
    /// The line of the attribute whose text is being read; a text has no lines of its own.
    line: Option<usize>,
    code: Code,
}

impl Reader {
    fn walk(&mut self, stream: TokenStream) -> Result<(), LexError> {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut rest = &tokens[..];
        let mut for_tests = false;
        while let Some((token, after)) = rest.split_first() {
            rest = match (token, after) {
                (TokenTree::Punct(hash), _) if hash.as_char() == '#' => {
                    let (group, after) = attribute(after);
                    if let Some(group) = group {
                        for_tests |= self.attribute(group)?;
                    }
                    after
                }
                (TokenTree::Ident(word), [TokenTree::Group(group), after @ ..])
                    if word == "pub" && is_restriction(group) =>
                {
                    after
                }
                (TokenTree::Ident(word), [TokenTree::Ident(name), after @ ..]) if word == "mod" => {
                    self.code.modules.push((plain(name), name.span().start().line));
                    let after = self.module(&plain(name), for_tests, after)?;
                    for_tests = false;
                    after
                }
                (TokenTree::Ident(_), _) => self.path(rest, &[]),
                (TokenTree::Group(group), _) => {
                    self.walk(group.stream())?;
                    for_tests &= group.delimiter() != Delimiter::Brace;
                    after
                }
                (TokenTree::Punct(punct), _) => {
                    for_tests &= punct.as_char() != ';';
                    after
                }
                (TokenTree::Literal(_), _) => after,
            };
        }
        Ok(())
    }

    /// Walks `{ .. }` behind `mod name`; leaves `;` alone.
    fn module<'a>(
        &mut self,
        name: &str,
        for_tests: bool,
        after: &'a [TokenTree],
    ) -> Result<&'a [TokenTree], LexError> {
        let [TokenTree::Group(body), after @ ..] = after else { return Ok(after) };
        let outside = self.in_tests;
        self.in_tests |= for_tests;
        self.scope.push(name.to_owned());
        self.walk(body.stream())?;
        self.scope.pop();
        self.in_tests = outside;
        Ok(after)
    }

    /// Notes an attribute, and says whether it is `cfg(test)`. A path may hide in its text, as in
    /// `serde(with = "crate::..")`; documentation is an attribute too, and is passed over.
    fn attribute(&mut self, group: &proc_macro2::Group) -> Result<bool, LexError> {
        let mut words = Vec::new();
        let mut texts = Vec::new();
        flatten(group.stream(), &mut words, &mut texts);
        if words.first().is_some_and(|word| word == "doc") {
            return Ok(false);
        }
        self.walk(group.stream())?;
        self.line = Some(group.span().start().line);
        for text in texts.iter().filter(|text| text.contains("::")) {
            // A text that is no Rust is no path either.
            if let Ok(stream) = text.trim_matches('"').parse::<TokenStream>() {
                self.walk(stream)?;
            }
        }
        self.line = None;
        let for_tests = words == ["cfg", "test"];
        self.code.attributes.push((words, group.span().start().line));
        Ok(for_tests)
    }

    /// Reads one path behind `before`, notes its leaves, and gives what follows it.
    fn path<'a>(&mut self, tokens: &'a [TokenTree], before: &[String]) -> &'a [TokenTree] {
        let [TokenTree::Ident(first), rest @ ..] = tokens else { return tokens };
        let mut rest = rest;
        let line = first.span().start().line;
        let mut words = before.to_vec();
        words.push(plain(first));
        loop {
            rest = match rest {
                [one, two, TokenTree::Ident(word), after @ ..] if is_separator(one, two) => {
                    words.push(plain(word));
                    after
                }
                [one, two, TokenTree::Punct(star), after @ ..]
                    if is_separator(one, two) && star.as_char() == '*' =>
                {
                    self.note(words, true, line);
                    return after;
                }
                [one, two, TokenTree::Group(tree), after @ ..]
                    if is_separator(one, two) && tree.delimiter() == Delimiter::Brace =>
                {
                    self.tree(tree.stream(), &words);
                    return after;
                }
                // `use crate as root` hides every arrow behind `root`: it imports the root itself.
                [TokenTree::Ident(rename), ..] if rename == "as" && words.len() == 1 => {
                    words.push("self".to_owned());
                    break;
                }
                _ => break,
            };
        }
        self.note(words, false, line);
        rest
    }

    /// Reads `{a, b::{c, d}, self, *}`.
    fn tree(&mut self, stream: TokenStream, before: &[String]) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut rest = &tokens[..];
        while let Some((token, after)) = rest.split_first() {
            rest = match token {
                TokenTree::Ident(word) if word == "as" => after.get(1..).unwrap_or_default(),
                TokenTree::Ident(_) => self.path(rest, before),
                TokenTree::Punct(star) if star.as_char() == '*' => {
                    self.note(before.to_vec(), true, star.span().start().line);
                    after
                }
                TokenTree::Group(group) => {
                    self.tree(group.stream(), before);
                    after
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => after,
            };
        }
    }

    fn note(&mut self, words: Vec<String>, glob: bool, line: usize) {
        let (scope, in_tests) = (self.scope.clone(), self.in_tests);
        let line = self.line.unwrap_or(line);
        self.code.names.push(Name { words, glob, scope, in_tests, line });
    }
}

/// `#` or `#!` is behind us: the bracket, and what follows it.
fn attribute(after: &[TokenTree]) -> (Option<&proc_macro2::Group>, &[TokenTree]) {
    match after {
        [TokenTree::Punct(bang), rest @ ..] if bang.as_char() == '!' => attribute(rest),
        [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::Bracket => {
            (Some(group), rest)
        }
        _ => (None, after),
    }
}

/// Whether this is the `(in crate::..)` of a visibility, which names a place and imports nothing.
fn is_restriction(group: &proc_macro2::Group) -> bool {
    let first = group.stream().into_iter().next();
    matches!(first, Some(TokenTree::Ident(word)) if word == "in")
}

fn is_separator(one: &TokenTree, two: &TokenTree) -> bool {
    let (TokenTree::Punct(one), TokenTree::Punct(two)) = (one, two) else { return false };
    one.as_char() == ':' && one.spacing() == Spacing::Joint && two.as_char() == ':'
}

/// A word without the `r#` of a raw one.
fn plain(word: &proc_macro2::Ident) -> String {
    word.to_string().trim_start_matches("r#").to_owned()
}

fn flatten(stream: TokenStream, words: &mut Vec<String>, texts: &mut Vec<String>) {
    for token in stream {
        match token {
            TokenTree::Ident(word) => words.push(plain(&word)),
            TokenTree::Literal(text) => texts.push(text.to_string()),
            TokenTree::Group(group) => flatten(group.stream(), words, texts),
            TokenTree::Punct(_) => {}
        }
    }
}
