//! Reads a SOAP 1.1 envelope: elements by their local names, texts only, no DOCTYPE, bounded.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use zeroize::Zeroizing;

/// Deeper nesting is no answer of Salesforce's.
const MAX_DEPTH: usize = 16;

/// The texts of an envelope's leaves, in their order, each under the names on the way to it.
pub(super) struct Envelope(Vec<(Vec<String>, Zeroizing<String>)>);

impl Envelope {
    /// Reads a whole document; `None` where it is not well-formed, is not an envelope, or has
    /// anything in it that a SOAP message must not have.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_str(std::str::from_utf8(body).ok()?);
        reader.config_mut().expand_empty_elements = true;
        let mut path: Vec<String> = Vec::new();
        let mut text = Zeroizing::new(String::new());
        let mut leaves = Vec::new();
        let mut is_leaf = false;
        let mut is_over = false;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    if is_over || path.len() >= MAX_DEPTH {
                        return None;
                    }
                    let name = start.local_name();
                    path.push(name.as_ref().to_owned());
                    text.clear();
                    is_leaf = true;
                }
                Event::End(_) => {
                    if is_leaf {
                        leaves.push((path.clone(), std::mem::take(&mut text)));
                    }
                    is_leaf = false;
                    path.pop()?;
                    is_over = path.is_empty();
                }
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                    Some(letter) => text.push(letter),
                    None => text.push_str(resolve_predefined_entity(&name)?),
                },
                Event::Decl(_) | Event::Comment(_) => {}
                Event::Empty(_) | Event::PI(_) | Event::DocType(_) => return None,
                Event::Eof => break,
            }
        }
        let is_envelope =
            leaves.iter().all(|(path, _)| path.first().is_some_and(|name| name == "Envelope"));
        (is_over && is_envelope).then_some(Self(leaves))
    }

    /// The text at a path below `Body`; `None` where there is none, or more than one.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        let at = |names: &[String]| {
            let [_, body, names @ ..] = names else { return false };
            body == "Body" && names == path
        };
        let mut found = self.0.iter().filter(|(names, _)| at(names)).map(|(_, text)| text);
        found.next().filter(|_| found.next().is_none()).map(|text| text.trim())
    }

    /// The text of the one leaf of this name below `Body`'s `Fault`, wherever in it.
    pub(super) fn in_fault(&self, name: &str) -> Option<&str> {
        let is_it = |names: &[String]| {
            let [_, body, fault, names @ ..] = names else { return false };
            body == "Body" && fault == "Fault" && names.last().is_some_and(|last| last == name)
        };
        let mut found = self.0.iter().filter(|(names, _)| is_it(names)).map(|(_, text)| text);
        found.next().filter(|_| found.next().is_none()).map(|text| text.trim())
    }
}
