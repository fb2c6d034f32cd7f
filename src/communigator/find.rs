//! From a label to the one thing on the page that it names.

use crate::communigator::control::Kind;
use crate::communigator::page::{Hit, Line, Page};
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
            action.is_some_and(|action| form.is_none() || action.form == form)
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
        // A page may repeat in its text what one of its fields holds.
        let blot = self.blot.and_values(self);
        let mut seen = blot.quotes(seen, MAX_SEEN_LENGTH, MAX_SEEN);
        if seen.is_empty() {
            seen = blot.quotes(self.line_texts(), MAX_SEEN_LENGTH, MAX_SEEN / 4);
        }
        if self.status >= 400 {
            seen.insert(0, format!("HTTP {}", self.status));
        }
        let page = blot.clean(self.name());
        Trouble::PageChanged { page, expected: expected.to_owned(), found, seen }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::communigator::profile::Profile;
    use crate::communigator::read::sample;

    fn field(html: &str) -> Result<String, Trouble> {
        let page = sample::page(html);
        let at = page.field(&Label::of("Security Token"), None)?;
        Ok(page.controls[at].name.clone())
    }

    #[test]
    fn a_label_names_its_control_in_every_way_that_pages_have() {
        for html in [
            "<label for=t>Security Token</label><input id=t name=x>",
            "<label> security\n token: <input name=x></label>",
            "<input aria-label='Security Token' name=x>",
            "<span id=l>Security Token *</span><input aria-labelledby='m l' name=x>",
            "<input placeholder='Security  Token' type=password name=x>",
            "<table><tr><td><b>Security Token</b>:</td><td><div><input name=x></div></td></tr></table>",
            "<table><tr><th>Security&nbsp;Token</th><td><select name=x></select></td></tr></table>",
            "<dl><dt>Security Token</dt><dd><textarea name=x></textarea></dd></dl>",
        ] {
            assert_eq!(field(html).as_deref(), Ok("x"), "{html}");
        }
    }

    #[test]
    fn one_control_that_is_named_twice_is_one_control() {
        let html = "<label for=t>Security Token</label><input id=t name=x \
                    placeholder='Security Token' aria-label='Security Token'>";
        assert_eq!(field(html).as_deref(), Ok("x"));
    }

    #[test]
    fn what_only_looks_like_the_label_does_not_name_a_control() {
        for html in [
            "<label for=t>Security Tokens</label><input id=t name=x>",
            "<label for=u>Security Token</label><input id=t name=x>",
            "<label for=t>Security Token</label><input id=t type=hidden name=x>",
            "<label for=t>Security Token</label><input id=t type=submit name=x>",
            "<div hidden><label>Security Token <input name=x></label></div>",
            "<label for=other>Security Token <input name=x></label>",
            "<table><tr><td>Security Token <input type=checkbox></td><td><input name=x></td></tr></table>",
            "<p>Security Token <input name=x></p>",
        ] {
            let Err(Trouble::PageChanged { expected, found, .. }) = field(html) else {
                panic!("{html}")
            };
            assert_eq!((expected.as_str(), found), ("field \"Security Token\"", 0), "{html}");
        }
    }

    #[test]
    fn two_controls_of_a_label_are_an_error_that_lists_labels_and_no_values() {
        let error = field(
            "<title>Props</title><input name=a placeholder='Security Token' value='hunter2'>\
             <input name=b placeholder='Security Token' type=password value='hunter3'>\
             <label>API version <select><option>hunter4</select></label>",
        )
        .unwrap_err();
        let Trouble::PageChanged { page, found, seen, .. } = &error else { panic!("{error}") };
        assert_eq!((page.as_str(), *found), ("Props", 2));
        assert_eq!(seen.as_slice(), ["Security Token", "Security Token", "API version"]);
        assert!(!format!("{error} {error:?}").contains("hunter"));
    }

    #[test]
    fn a_text_that_repeats_what_a_field_holds_is_not_reported() {
        let page =
            sample::page("<input type=hidden name=k value=hunter2><p>Key hunter2 is set</p>");
        let error = page.reading(&Label::of("State")).unwrap_err();
        let Trouble::PageChanged { seen, .. } = error else { panic!("{error}") };
        assert_eq!(seen, ["Key [hidden] is set"]);
    }

    #[test]
    fn a_secret_on_the_cut_of_a_text_leaves_no_beginning() {
        for length in 60..MAX_SEEN_LENGTH {
            let text = format!("{}hunter2-and-more", "x".repeat(length));
            let field = "<input type=hidden name=k value=hunter2-and-more>";
            let page = sample::page(&format!("{field}<p>{text}</p>"));
            let error = page.reading(&Label::of("State")).unwrap_err();
            assert!(!error.to_string().contains("hu"), "{error}");
        }
    }

    #[test]
    fn a_selector_decides_only_where_the_text_does_not() {
        let profile = "[connector.credentials]\nsave = { css = '.mine' }";
        let profile = Profile::with_overrides(profile).unwrap();
        let label = &profile.connector.credentials.save;
        let pressed = |html: &str| {
            let page = sample::with_profile(html, &profile);
            page.pressable(label, None).map(|at| page.actions[at].label.clone())
        };
        let form = |buttons: &str| format!("<form>{buttons}</form>");
        assert_eq!(
            pressed(&form("<button>Save</button><button class=mine>Other</button>")).as_deref(),
            Ok("Save")
        );
        assert_eq!(
            pressed(&form("<button>Save</button><button class=mine> SAVE </button>")).as_deref(),
            Ok("SAVE")
        );
        assert_eq!(pressed(&form("<button class=mine>Keep</button>")).as_deref(), Ok("Keep"));
        assert!(pressed(&form("<b class=mine>Keep</b>")).is_err());
        assert!(
            pressed(&form("<button class=mine>a</button><button class=mine>b</button>")).is_err()
        );
    }

    #[test]
    fn a_button_is_found_by_its_text_value_picture_or_aria_label() {
        for button in [
            "<button><i></i> Save </button>",
            "<input type=submit value=Save>",
            "<input type=image alt=Save>",
            "<button aria-label=Save><i></i></button>",
            "<button><img alt=Save></button>",
        ] {
            let page = sample::page(&format!("<form>{button}</form>"));
            assert!(page.pressable(&Label::of("save"), Some(0)).is_ok(), "{button}");
        }
        let page = sample::page("<form></form><form><button>Save</button></form>");
        assert!(page.pressable(&Label::of("save"), Some(0)).is_err(), "of another form");
    }

    #[test]
    fn a_text_is_read_beside_its_label() {
        for html in [
            "<p>State: Enabled</p>",
            "<p><b>State</b> Enabled</p>",
            "<b>State:</b> <i>Enabled</i><br>",
            "<table><tr><td>State</td><td>Enabled</td></tr></table>",
            "<dl><dt>STATE:</dt><dd> Enabled </dd></dl>",
        ] {
            let page = sample::page(html);
            assert_eq!(page.reading(&Label::of("State")).as_deref(), Ok("Enabled"), "{html}");
        }
        let twice = sample::page("<p>State: Enabled</p><p>State: Disabled</p>");
        let error = twice.reading(&Label::of("State")).unwrap_err();
        assert!(matches!(error, Trouble::PageChanged { found: 2, .. }), "{error}");
        assert!(sample::page("<p>Change State</p>").reading(&Label::of("State")).is_err());
    }
}
