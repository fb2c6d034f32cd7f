//! What a person sees: lines in columns, coloured on a terminal and plain elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;

/// How wide the column of subjects is: the longest surface's name.
const SUBJECT: usize = 33;
/// How wide the last column is; what is longer goes on below.
const WHAT: usize = 50;

/// Which world a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Both.
    Both,
    /// The one with the receiver.
    With,
    /// The one without.
    Without,
}

/// How a line sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Neither good nor bad.
    Plain,
    /// In the background.
    Quiet,
    /// Something went well.
    Good,
    /// Something went wrong.
    Bad,
    /// Worth looking up for.
    Strong,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) side: Side,
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) tone: Tone,
}

/// Where everything is printed.
pub(crate) struct Screen {
    out: io::Stdout,
    colour: bool,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::With => "with",
            Self::Without => "without",
        }
    }
}

impl Tone {
    /// Select graphic rendition (ECMA-48, 8.3.117).
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Quiet => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Strong => "1",
        }
    }
}

impl Screen {
    /// Standard output, in colour if it is a terminal and nobody objects (<https://no-color.org>).
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        #[expect(
            clippy::disallowed_methods,
            reason = "what terminals agreed on, not configuration"
        )]
        let objection = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = out.is_terminal() && !objection;
        Self { out, colour }
    }

    /// A line as it is.
    pub(crate) fn say(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let text = self.painted(tone, text);
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// The names of the columns.
    pub(crate) fn head(&mut self) -> io::Result<()> {
        let head =
            format!("  {:>9}  {:<8}  {:<SUBJECT$}  {}", "TIME", "RECEIVER", "WHO", "WHAT HAPPENS");
        self.say(Tone::Quiet, &head)
    }

    /// Something that happened, so long after the reset.
    pub(crate) fn line(&mut self, line: &Line, reset_at: Timestamp) -> io::Result<()> {
        let after = seconds(line.at, reset_at);
        let side = format!("{:<8}", line.side.as_str());
        let side = match line.side {
            Side::Without => self.painted(Tone::Bad, &side),
            Side::With => self.painted(Tone::Good, &side),
            Side::Both => side,
        };
        let mut parts = wrapped(&line.what).into_iter();
        let what = self.painted(line.tone, &parts.next().unwrap_or_default());
        writeln!(self.out, "  {after:>7.3} s  {side}  {:<SUBJECT$}  {what}", line.subject)?;
        for part in parts {
            let what = self.painted(line.tone, &part);
            writeln!(self.out, "  {:9}  {:8}  {:SUBJECT$}  {what}", "", "", "")?;
        }
        self.out.flush()
    }

    /// A table; each cell in its tone, the columns as wide as their widest cell.
    pub(crate) fn table<const N: usize>(&mut self, rows: &[[(Tone, String); N]]) -> io::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|(_, text)| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in rows {
            let mut line = " ".to_owned();
            let mut gap = 0;
            for ((tone, text), width) in row.iter().zip(&widths) {
                line.extend(std::iter::repeat_n(' ', gap + 1));
                line.push_str(&self.painted(*tone, text));
                gap = width.saturating_sub(text.chars().count()) + 2;
            }
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    fn painted(&self, tone: Tone, text: &str) -> String {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
    }
}

/// Breaks a sentence between words into parts that fit the last column.
fn wrapped(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match parts.last_mut() {
            Some(part) if part.chars().count() + 1 + word.chars().count() <= WHAT => {
                part.push(' ');
                part.push_str(word);
            }
            Some(_) | None => parts.push(word.to_owned()),
        }
    }
    parts
}

/// How many seconds one moment comes after another; none if it comes before.
pub(crate) fn seconds(at: Timestamp, since: Timestamp) -> f64 {
    Duration::try_from(at.duration_since(since)).unwrap_or(Duration::ZERO).as_secs_f64()
}
