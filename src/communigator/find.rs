//! From a label to the one thing on the page that it names.

use crate::communigator::blot::Blot;
use crate::communigator::control::Kind;
use crate::communigator::page::{Action, Effect, Hit, Line, Page};
use crate::communigator::profile::Label;
use crate::communigator::text;
use crate::ports::console::Trouble;

/// How many texts a message lists of what the page shows.
const MAX_SEEN: usize = 40;
/// How many characters of each.
const MAX_SEEN_LENGTH: usize = 80;

impl Page {
    /// The fields that a label names, within one form or on the whole page.
    pub(super) fn fields(&self, label: &Label, form: Option<usize>) -> Vec<usize> {
        let fits = |at: &usize| {
            self.controls.get(*at).is_some_and(|control| form.is_none() || control.form == form)
        };
        let named = self.controls.iter().enumerate().filter(|(_, control)| {
            control.is_field() && control.labels.iter().any(|text| label.is(text))
        });
        let named: Vec<_> = named.map(|(at, _)| at).filter(fits).collect();
        if named.len() == 1 {
            return named;
        }
        let chosen = self.chosen(label).iter().filter_map(|hit| match hit {
            Hit::Control(at) => Some(*at),
            Hit::Action(_) => None,
        });
        let chosen: Vec<_> = chosen.filter(fits).collect();
        if chosen.is_empty() { named } else { chosen }
    }

    /// The links and buttons that a label names, within one form or on the whole page.
    pub(super) fn pressables(&self, label: &Label, form: Option<usize>) -> Vec<usize> {
        let fits = |at: &usize| {
            let action = self.actions.get(*at);
            action.is_some_and(|action| form.is_none() || self.form_of(action) == form)
        };
        let named = self.actions.iter().enumerate().filter(|(_, action)| label.is(&action.label));
        let named: Vec<_> = named.map(|(at, _)| at).filter(fits).collect();
        if named.len() == 1 {
            return named;
        }
        let chosen = self.chosen(label).iter().filter_map(|hit| match hit {
            Hit::Action(at) => Some(*at),
            Hit::Control(_) => None,
        });
        let chosen: Vec<_> = chosen.filter(fits).collect();
        if chosen.is_empty() { named } else { chosen }
    }

    fn chosen(&self, label: &Label) -> &[Hit] {
        let css = label.css().and_then(|css| self.by_css.get(css.text()));
        css.map_or(&[], Vec::as_slice)
    }

    fn form_of(&self, action: &Action) -> Option<usize> {
        match &action.effect {
            Effect::Submit(control) => self.controls.get(*control).and_then(|button| button.form),
            Effect::Postback(_, form) => *form,
            Effect::Go(_) | Effect::Stay | Effect::Script => None,
        }
    }

    /// The one field that a label names.
    pub(super) fn field(&self, label: &Label, form: Option<usize>) -> Result<usize, Trouble> {
        let found = self.fields(label, form);
        one(&found).ok_or_else(|| {
            self.changed(&format!("field \"{}\"", label.name()), found.len(), self.field_labels())
        })
    }

    /// The one link or button that a label names.
    pub(super) fn pressable(&self, label: &Label, form: Option<usize>) -> Result<usize, Trouble> {
        let found = self.pressables(label, form);
        one(&found).ok_or_else(|| {
            let what = format!("link or button \"{}\"", label.name());
            self.changed(&what, found.len(), self.action_labels())
        })
    }

    /// The texts that stand beside a label: `State: Enabled` in one line, or in two cells.
    pub(super) fn readings(&self, label: &Label) -> Vec<String> {
        let mut readings = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            if label.is(&line.text()) {
                let next = self.lines.get(at + 1);
                readings.push(next.map(Line::text).unwrap_or_default());
                continue;
            }
            let with_colon = line
                .text()
                .split_once(':')
                .filter(|(before, _)| label.is(before))
                .map(|(_, after)| text::fold(after));
            let piece = || {
                let pieces: Vec<_> =
                    line.0.iter().filter(|piece| !piece.trim().is_empty()).collect();
                let (first, rest) = pieces.split_first()?;
                let rest: Vec<&str> = rest.iter().map(|piece| piece.as_str()).collect();
                label.is(first).then(|| text::fold(&rest.concat()))
            };
            readings.extend(with_colon.or_else(piece));
        }
        readings
    }

    /// The one text that stands beside a label.
    pub(super) fn reading(&self, label: &Label) -> Result<String, Trouble> {
        let mut found = self.readings(label);
        match (found.pop(), found.len()) {
            (Some(reading), 0) => Ok(reading),
            (last, others) => {
                let found = others + usize::from(last.is_some());
                let what = format!("text \"{}\"", label.name());
                Err(self.changed(&what, found, self.line_texts()))
            }
        }
    }

    /// The one entry of a drop-down that reads like this.
    pub(super) fn choice(&self, field: usize, text: &str) -> Result<usize, Trouble> {
        let control = self.controls.get(field);
        let choices = match control.map(|control| &control.kind) {
            Some(Kind::Select(choices)) => choices.as_slice(),
            Some(_) | None => &[],
        };
        let fits =
            |at: &usize| choices.get(*at).is_some_and(|choice| text::same(&choice.text, text));
        let found: Vec<_> = (0..choices.len())
            .filter(fits)
            .filter(|at| choices.get(*at).is_some_and(|choice| !choice.disabled))
            .collect();
        one(&found).ok_or_else(|| {
            let title = control.map_or("", |control| control.title());
            let what = format!("entry \"{text}\" in \"{title}\"");
            self.changed(&what, found.len(), choices.iter().map(|choice| choice.text.clone()))
        })
    }

    /// What to report when something is not there exactly once.
    pub(super) fn changed(
        &self,
        expected: &str,
        found: usize,
        seen: impl IntoIterator<Item = String>,
    ) -> Trouble {
        let mut seen: Vec<_> = seen
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| text::shorten(&text, MAX_SEEN_LENGTH))
            .take(MAX_SEEN)
            .collect();
        if seen.is_empty() {
            let lines = self.line_texts().map(|text| text::shorten(&text, MAX_SEEN_LENGTH));
            seen = lines.take(MAX_SEEN / 4).collect();
        }
        if self.status >= 400 {
            seen.insert(0, format!("HTTP {}", self.status));
        }
        let page = self.name().to_owned();
        // A page may repeat in its text what one of its fields holds.
        let mut blot = Blot::default();
        blot.add_values(self);
        blot.trouble(Trouble::PageChanged { page, expected: expected.to_owned(), found, seen })
    }

    fn field_labels(&self) -> impl Iterator<Item = String> {
        let fields = self.controls.iter().filter(|control| control.is_field());
        fields.map(|control| control.title().to_owned())
    }

    /// What can be pressed, as a person reads it.
    pub(super) fn action_labels(&self) -> impl Iterator<Item = String> {
        self.actions.iter().map(|action| action.label.clone())
    }

    /// The lines of text.
    pub(super) fn line_texts(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(Line::text)
    }
}

fn one(found: &[usize]) -> Option<usize> {
    match found {
        [one] => Some(*one),
        _ => None,
    }
}
