//! Reading markup the way a person reads the page: what is hidden is not there, blocks are lines.

use scraper::{ElementRef, Node};

use crate::communigator::text;

/// Deeper nesting than this is not read. Real pages stay far below; the bound keeps a hostile one
/// from exhausting the stack.
pub(super) const MAX_DEPTH: usize = 400;

const UNSEEN: [&str; 8] =
    ["head", "script", "style", "template", "noscript", "select", "textarea", "datalist"];

const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "legend",
    "li",
    "main",
    "nav",
    "p",
    "section",
    "table",
    "td",
    "th",
    "tr",
];

/// Whether an element is hidden from a person by itself.
fn hides(element: ElementRef<'_>) -> bool {
    let style = element.attr("style").unwrap_or("").to_ascii_lowercase().replace(' ', "");
    element.attr("hidden").is_some()
        || UNSEEN.contains(&element.value().name())
        || style.contains("display:none")
        || style.contains("visibility:hidden")
}

/// Whether an element, or one around it, is hidden from a person.
pub(super) fn is_hidden(element: ElementRef<'_>) -> bool {
    let own_style = element.attr("style").unwrap_or("").to_ascii_lowercase().replace(' ', "");
    element.attr("hidden").is_some()
        || own_style.contains("display:none")
        || own_style.contains("visibility:hidden")
        || around(element).any(hides)
}

/// The elements around an element, from the inside out.
pub(super) fn around(element: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    element.ancestors().filter_map(ElementRef::wrap)
}

/// The pieces of text inside an element, with `\n` between blocks. `mark` turns an element without
/// text into one: a picture's alternative text, for instance.
pub(super) fn pieces(
    element: ElementRef<'_>,
    mark: &dyn Fn(ElementRef<'_>) -> Option<String>,
) -> Vec<String> {
    let mut pieces = Vec::new();
    collect(element, mark, 0, &mut pieces);
    pieces
}

fn collect(
    element: ElementRef<'_>,
    mark: &dyn Fn(ElementRef<'_>) -> Option<String>,
    depth: usize,
    pieces: &mut Vec<String>,
) {
    if depth > MAX_DEPTH {
        return;
    }
    for child in element.children() {
        if let Node::Text(text) = child.value() {
            pieces.push(text.to_string());
        }
        let Some(child) = ElementRef::wrap(child) else { continue };
        if hides(child) {
            continue;
        }
        let block = BLOCKS.contains(&child.value().name());
        if block {
            pieces.push("\n".to_owned());
        }
        pieces.extend(mark(child));
        collect(child, mark, depth + 1, pieces);
        if block {
            pieces.push("\n".to_owned());
        }
    }
}

/// What a person reads inside an element, folded.
pub(super) fn words(element: ElementRef<'_>) -> String {
    text::fold(&pieces(element, &picture).concat())
}

/// A picture's alternative text.
pub(super) fn picture(element: ElementRef<'_>) -> Option<String> {
    let text = match element.value().name() {
        "img" => element.attr("alt").or_else(|| element.attr("title")),
        "i" | "span" | "svg" if words_are_missing(element) => {
            element.attr("aria-label").or_else(|| element.attr("title"))
        }
        _ => None,
    }?;
    Some(format!(" {text} "))
}

fn words_are_missing(element: ElementRef<'_>) -> bool {
    element.text().all(|text| text.trim().is_empty())
}
