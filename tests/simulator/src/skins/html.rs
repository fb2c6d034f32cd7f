//! HTML that both skins write: escaping, the frame of a page, runs of blocks.

use crate::console::page::{Block, Look};

/// The foot of every page. It says what this is, and has a character outside ASCII.
const FOOT: &str = "© a stand-in for tests, modelled on documented behaviour; not the real console";

/// A one-pixel picture, so that a browser asks for nothing more.
pub(crate) const PIXEL: &str =
    "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=";

/// Text for an element or an attribute in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\r' => escaped.push_str("&#13;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A whole document around a body.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{} - \
         GatorMail</title></head>\n<body>\n{body}\n<p class=\"foot\">{FOOT}</p>\n</body>\n</html>\n",
        escape(title)
    )
}

/// The options of a drop-down.
pub(crate) fn options(choices: &[&str], chosen: &str) -> String {
    choices.iter().fold(String::new(), |html, choice| {
        let selected = if *choice == chosen { " selected=\"selected\"" } else { "" };
        let choice = escape(choice);
        html + &format!("<option value=\"{choice}\"{selected}>{choice}</option>")
    })
}

/// Neighbouring blocks of one run share a list, a table or a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Menu,
    Rows,
    Tabs,
    Fields,
    Ticks,
    Presses,
    Single,
}

/// The run that a block belongs to.
pub(crate) fn run_of(block: &Block) -> Run {
    match block {
        Block::Link(link) => match link.look {
            Look::Menu => Run::Menu,
            Look::Row => Run::Rows,
            Look::Tab => Run::Tabs,
            Look::Press => Run::Presses,
        },
        Block::Button(_) => Run::Presses,
        Block::Field(_) => Run::Fields,
        Block::Tick(..) => Run::Ticks,
        Block::Heading(_) | Block::Note(_) | Block::Error(_) | Block::State(..) => Run::Single,
    }
}

/// Writes blocks one after the other, each run between what `frame` says opens and closes it.
pub(crate) fn in_runs(
    blocks: &[Block],
    frame: impl Fn(Run) -> (&'static str, &'static str),
    mut write: impl FnMut(&Block) -> String,
) -> String {
    let mut html = String::new();
    for run in blocks.chunk_by(|one, next| run_of(one) == run_of(next)) {
        let (open, close) = run.first().map_or(("", ""), |block| frame(run_of(block)));
        html.push_str(open);
        for block in run {
            html.push_str(&write(block));
            html.push('\n');
        }
        html.push_str(close);
        html.push('\n');
    }
    html
}
