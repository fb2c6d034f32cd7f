//! A page as the walk needs it: what a person sees on it, and what can be pressed and filled in.

use std::collections::HashMap;

use encoding_rs::Encoding;
use url::Url;

use crate::communigator::blot::Blot;
use crate::communigator::control::Control;
use crate::communigator::form::Form;
use crate::communigator::postback::Postback;
use crate::communigator::text;

/// A parsed page. It may hold secrets, and therefore has no `Debug`.
pub(super) struct Page {
    /// The step of the walk that led here.
    pub step: String,
    /// Its address, after redirects.
    pub url: Url,
    /// Whether the last request for it was a GET, so that its address may be asked for again.
    pub by_get: bool,
    /// The HTTP status.
    pub status: u16,
    /// The encoding in which its forms are sent back.
    pub encoding: &'static Encoding,
    /// Its title, folded; often empty.
    pub title: String,
    /// The lines of text that a person sees, in order; fields' values are not among them.
    pub lines: Vec<Line>,
    /// Everything that can be pressed, in order.
    pub actions: Vec<Action>,
    /// Every control, in order, hidden ones included.
    pub controls: Vec<Control>,
    /// Its forms, in order.
    pub forms: Vec<Form>,
    /// The errors that it shows, folded.
    pub errors: Vec<String>,
    /// What the profile's selectors of last resort chose.
    pub by_css: HashMap<String, Vec<Hit>>,
    /// Whether nothing can be done on it without running its scripts.
    pub needs_script: bool,
    /// What may not be reported of it.
    pub blot: Blot,
}

/// A line of text: what stands between two line breaks, as the pieces that its markup makes of it.
pub(super) struct Line(pub Vec<String>);

impl Line {
    /// The whole line, folded.
    pub(super) fn text(&self) -> String {
        text::fold(&self.0.concat())
    }
}

/// Something that can be pressed.
pub(super) struct Action {
    /// What a person reads on it, folded.
    pub label: String,
    /// What pressing it does.
    pub effect: Effect,
    /// The form that it belongs to, as an index into the page's forms.
    pub form: Option<usize>,
}

/// What pressing something does.
pub(super) enum Effect {
    /// Goes to another address.
    Go(Url),
    /// Stays on this page: a tab or a menu whose content is there already.
    Stay,
    /// Submits the form that a control, an index into the page's, belongs to.
    Submit(usize),
    /// Submits a form, an index into the page's, with a postback's two fields.
    Postback(Postback, Option<usize>),
    /// Runs a script.
    Script,
}

/// What a selector of last resort chose: an index into the page's controls or actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hit {
    /// A field.
    Control(usize),
    /// A link or a button.
    Action(usize),
}

impl Page {
    /// How a message names it: its title, or the step of the walk where it has none or may not be
    /// quoted.
    pub(super) fn name(&self) -> &str {
        if self.title.is_empty() || self.blot.withholds() { &self.step } else { &self.title }
    }

    /// Whether it shows this name: as a line, a piece of one (`Connector: <b>name</b>`), what
    /// follows a colon, or a part of the title. A name inside a longer one does not count.
    pub(super) fn shows(&self, name: &str) -> bool {
        let in_line = |line: &Line| {
            let text = line.text();
            let after_colon = text.split_once(':').map_or("", |(_, after)| after);
            text::same(&text, name)
                || text::same(after_colon, name)
                || line.0.iter().any(|piece| text::same(piece, name))
        };
        let titles = [" - ", " | "].into_iter().flat_map(|between| self.title.split(between));
        self.lines.iter().any(in_line) || titles.into_iter().any(|part| text::same(part, name))
    }

    /// Whether its text contains one of the patterns.
    pub(super) fn mentions(&self, patterns: &[String]) -> bool {
        text::contains_any(&self.title, patterns)
            || self.lines.iter().any(|line| text::contains_any(&line.text(), patterns))
    }
}
