//! An XML document of the package as a tree: names, text and children.

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// What the root of every file of the Metadata API says of itself.
const NAMESPACE: &str = r#"xmlns="http://soap.sforce.com/2006/04/metadata""#;

/// An element with its own text and its children.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

/// Why a text is no document of the Metadata API.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidXml {
    #[error(transparent)]
    Syntax(#[from] Error),
    #[error("a document type, or an entity that is not predefined")]
    Entity,
    #[error("the root has not the namespace of the Metadata API, or another element has one")]
    Namespace,
    #[error("not exactly one root")]
    Root,
}

impl Element {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidXml> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            let depth = open.len();
            let current = open.last_mut().ok_or(InvalidXml::Root)?;
            match reader.read_event()? {
                Event::Start(start) => {
                    let expected = if depth == 1 { NAMESPACE } else { "" };
                    if start.attributes_raw().trim() != expected {
                        return Err(InvalidXml::Namespace);
                    }
                    let name = start.name().as_ref().to_owned();
                    open.push(Self { name, ..Self::default() });
                }
                Event::End(_) => {
                    let closed = open.pop().ok_or(InvalidXml::Root)?;
                    open.last_mut().ok_or(InvalidXml::Root)?.children.push(closed);
                }
                Event::Empty(empty) => {
                    let name = empty.name().as_ref().to_owned();
                    current.children.push(Self { name, ..Self::default() });
                }
                Event::Text(part) => current.text.push_str(&part),
                Event::CData(part) => current.text.push_str(&part),
                Event::GeneralRef(entity) => match entity.resolve_char_ref()? {
                    Some(character) => current.text.push(character),
                    None => current
                        .text
                        .push_str(resolve_predefined_entity(&entity).ok_or(InvalidXml::Entity)?),
                },
                Event::DocType(_) => return Err(InvalidXml::Entity),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        let (Some(mut document), true) = (open.pop(), open.is_empty()) else {
            return Err(InvalidXml::Root);
        };
        match (document.children.pop(), document.children.is_empty()) {
            (Some(root), true) => Ok(root),
            _ => Err(InvalidXml::Root),
        }
    }

    /// The children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text below the first children of these names; empty where there is none.
    pub(crate) fn at(&self, path: &str) -> &str {
        let mut element = self;
        for name in path.split('/') {
            match element.children.iter().find(|child| child.name == name) {
                Some(child) => element = child,
                None => return "",
            }
        }
        element.text.trim()
    }

    /// The texts of every element of this name, however deep.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let mut found: Vec<&str> =
            self.children.iter().flat_map(|child| child.texts(name)).collect();
        if self.name == name {
            found.push(self.text.trim());
        }
        found
    }
}
