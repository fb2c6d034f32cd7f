//! The texts that name a control: every way in which a page puts a label beside a field.

use std::collections::HashMap;

use scraper::{ElementRef, Html, Selector};

use crate::communigator::markup;
use crate::communigator::text;

/// The labels of a document, ready to be asked for by control.
pub(super) struct Labels<'a> {
    by_id: HashMap<&'a str, ElementRef<'a>>,
    by_target: HashMap<&'a str, Vec<String>>,
}

impl<'a> Labels<'a> {
    /// Reads a document's labels.
    pub(super) fn of(document: &'a Html, labels: &Selector) -> Self {
        let mut by_id = HashMap::new();
        for element in document.root_element().descendent_elements() {
            if let Some(id) = element.attr("id") {
                by_id.entry(id).or_insert(element);
            }
        }
        let mut by_target: HashMap<_, Vec<_>> = HashMap::new();
        for label in document.select(labels).filter(|label| !markup::is_hidden(*label)) {
            if let Some(target) = label.attr("for") {
                by_target.entry(target).or_default().push(markup::words(label));
            }
        }
        Self { by_id, by_target }
    }

    /// What names a control: `for`, a label around it, `aria-label`, `aria-labelledby`, its
    /// placeholder, or the cell before it. Folded, each text once, none empty.
    pub(super) fn naming(&self, control: ElementRef<'a>) -> Vec<String> {
        let mut texts = Vec::new();
        if let Some(id) = control.attr("id") {
            texts.extend(self.by_target.get(id).into_iter().flatten().cloned());
        }
        let wrapping = markup::around(control).find(|around| around.value().name() == "label");
        // A label that names another control by `for` does not name the one that it wraps.
        texts.extend(wrapping.filter(|label| label.attr("for").is_none()).map(markup::words));
        texts.extend(control.attr("aria-label").map(text::fold));
        for id in control.attr("aria-labelledby").unwrap_or("").split_whitespace() {
            texts.extend(self.by_id.get(id).copied().map(markup::words));
        }
        texts.extend(control.attr("placeholder").map(text::fold));
        texts.extend(cell_before(control));
        let mut seen = Vec::new();
        texts.retain(|text| {
            let key = text::key(text);
            let new = !key.is_empty() && !seen.contains(&key);
            seen.push(key);
            new
        });
        texts
    }
}

/// The text of the cell before the control's own, where that holds text and no field.
fn cell_before(control: ElementRef<'_>) -> Option<String> {
    let cell = markup::around(control).find(|around| is_cell(*around))?;
    let before = cell.prev_siblings().find_map(ElementRef::wrap)?;
    let is_field = |element: &ElementRef<'_>| {
        ["input", "select", "textarea"].contains(&element.value().name())
    };
    let holds_field = before.descendent_elements().any(|inner| is_field(&inner));
    (is_cell(before) && !holds_field).then(|| markup::words(before))
}

fn is_cell(element: ElementRef<'_>) -> bool {
    ["td", "th", "dd", "dt"].contains(&element.value().name())
}
