//! One control of a form, as a browser keeps it.

use scraper::ElementRef;
use zeroize::Zeroizing;

use crate::communigator::markup;
use crate::communigator::text;

/// A field or a button. It may hold a secret, and therefore has no `Debug`.
pub(super) struct Control {
    /// Its `name`; a control without one is never submitted.
    pub name: String,
    /// What kind of control it is.
    pub kind: Kind,
    /// What a person reads beside it, folded, each text once. Empty for a hidden one.
    pub labels: Vec<String>,
    /// The form that it belongs to, as an index into the page's forms.
    pub form: Option<usize>,
    /// Whether it is disabled, itself or by its field set: it is neither filled in nor submitted.
    pub disabled: bool,
    /// Whether a person may not type into it.
    pub read_only: bool,
    /// How many characters it takes.
    pub max_length: Option<usize>,
}

/// The kinds of control that differ in what they submit.
pub(super) enum Kind {
    /// A hidden field.
    Hidden(Zeroizing<String>),
    /// Any box that text is typed into, of one line.
    Text(Zeroizing<String>),
    /// A password box: it hides what is typed.
    Password(Zeroizing<String>),
    /// A box of several lines.
    TextArea(Zeroizing<String>),
    /// A tick box or a radio button.
    Tick {
        /// What it submits when it is ticked.
        value: String,
        /// Whether it is.
        ticked: bool,
    },
    /// A drop-down or a list.
    Select(Vec<Choice>),
    /// A file box; it is submitted empty.
    File,
    /// A button that submits the form.
    Submit {
        /// What it submits when it is the one that was pressed.
        value: String,
        /// Whether it is an image, which submits the place where it was pressed.
        image: bool,
    },
    /// A button that does something only by script, or resets the form.
    Inert,
}

/// One entry of a drop-down.
pub(super) struct Choice {
    /// What a person reads.
    pub text: String,
    /// What it submits.
    pub value: String,
    /// Whether it is chosen.
    pub chosen: bool,
    /// Whether it can be.
    pub disabled: bool,
}

impl Kind {
    /// What an element is. The element is an `input`, a `select`, a `textarea` or a `button`.
    pub(super) fn of(element: ElementRef<'_>) -> Self {
        let of_type = element.attr("type").unwrap_or("").trim().to_ascii_lowercase();
        let value = element.attr("value").unwrap_or("");
        match (element.value().name(), of_type.as_str()) {
            ("select", _) => Self::Select(choices(element)),
            ("textarea", _) => Self::TextArea(Zeroizing::new(element.text().collect())),
            (_, "button" | "reset") => Self::Inert,
            ("button", _) | (_, "submit") => Self::Submit { value: value.to_owned(), image: false },
            (_, "image") => Self::Submit { value: value.to_owned(), image: true },
            (_, "hidden") => Self::Hidden(Zeroizing::new(value.to_owned())),
            (_, "password") => Self::Password(Zeroizing::new(value.to_owned())),
            (_, "checkbox" | "radio") => Self::Tick {
                value: element.attr("value").unwrap_or("on").to_owned(),
                ticked: element.attr("checked").is_some(),
            },
            (_, "file") => Self::File,
            _ => Self::Text(Zeroizing::new(value.to_owned())),
        }
    }
}

fn choices(select: ElementRef<'_>) -> Vec<Choice> {
    let options = select.descendent_elements().filter(|option| option.value().name() == "option");
    let mut choices: Vec<_> = options
        .map(|option| {
            let text = text::fold(&option.text().collect::<String>());
            let group_disabled = markup::around(option).any(|around| {
                around.value().name() == "optgroup" && around.attr("disabled").is_some()
            });
            Choice {
                value: option.attr("value").map_or_else(|| text.clone(), str::to_owned),
                chosen: option.attr("selected").is_some(),
                disabled: option.attr("disabled").is_some() || group_disabled,
                text,
            }
        })
        .collect();
    let list = select.attr("multiple").is_some();
    if !list && let Some(last) = choices.iter().rposition(|choice| choice.chosen) {
        // Of several that claim to be chosen in a drop-down, the last one is.
        for (at, choice) in choices.iter_mut().enumerate() {
            choice.chosen = at == last;
        }
    } else if !list && select.attr("size").is_none_or(|size| size.trim() == "1") {
        // A drop-down always shows an entry: the first one that can be chosen.
        if let Some(first) = choices.iter_mut().find(|choice| !choice.disabled) {
            first.chosen = true;
        }
    }
    choices
}

impl Control {
    /// Whether a person can see it as a field to fill in.
    pub(super) fn is_field(&self) -> bool {
        match self.kind {
            Kind::Hidden(_) | Kind::Submit { .. } | Kind::Inert => false,
            Kind::Text(_)
            | Kind::Password(_)
            | Kind::TextArea(_)
            | Kind::Tick { .. }
            | Kind::Select(_)
            | Kind::File => true,
        }
    }

    /// Whether text can be typed into it.
    pub(super) fn takes_text(&self) -> bool {
        let kind = matches!(self.kind, Kind::Text(_) | Kind::Password(_) | Kind::TextArea(_));
        kind && !self.disabled && !self.read_only
    }

    /// How a message names it: its label, or its name where it has none.
    pub(super) fn title(&self) -> &str {
        self.labels.first().unwrap_or(&self.name)
    }

    /// What it submits when nothing about it is changed and no button of its own is pressed.
    pub(super) fn submitted(&self) -> Vec<&str> {
        if self.disabled {
            return Vec::new();
        }
        match &self.kind {
            Kind::Hidden(value)
            | Kind::Text(value)
            | Kind::Password(value)
            | Kind::TextArea(value) => vec![value.as_str()],
            Kind::Tick { value, ticked: true } => vec![value.as_str()],
            Kind::Select(choices) => choices
                .iter()
                .filter(|choice| choice.chosen && !choice.disabled)
                .map(|choice| choice.value.as_str())
                .collect(),
            Kind::File => vec![""],
            Kind::Tick { ticked: false, .. } | Kind::Submit { .. } | Kind::Inert => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::communigator::read::sample;

    #[test]
    fn a_drop_down_shows_its_last_chosen_or_its_first_possible_entry() {
        let chosen = |options: &str| {
            let page = sample::page(&format!("<select name=s>{options}</select>"));
            page.controls[0].submitted().join(",")
        };
        assert_eq!(chosen("<option>a<option selected>b<option selected value=C>c"), "C");
        assert_eq!(chosen("<option disabled>a<option>b"), "b");
        assert_eq!(chosen("<optgroup disabled><option>a</optgroup><option> b  b "), "b b");
    }
}
