//! A strict reader of small XML documents: UTF-8, namespaces resolved, nothing declared inside.
//!
//! Refused: a document type, entities other than the five of XML and numeric references,
//! processing instructions, a second root, anything after the root, nesting and numbers beyond the
//! bounds. Nothing is fetched and nothing grows.

use std::borrow::Cow;
use std::mem;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

/// Elements deeper than this are refused.
pub(super) const MAX_DEPTH: usize = 16;
/// More elements than this are refused: a hundred records of some hundred fields have fewer.
pub(super) const MAX_ELEMENTS: usize = 50_000;

/// More attributes of one element are refused: Salesforce writes up to three.
pub(super) const MAX_ATTRIBUTES: usize = 64;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
const ENTERPRISE: &str = "urn:sobject.enterprise.soap.sforce.com";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Why bytes are not a document that is read here. It carries nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidXml {
    /// Not UTF-8, or it says that it is something else.
    #[error("the body is not XML in UTF-8")]
    Encoding,
    /// Not well-formed, or with a character that XML does not have.
    #[error("the body is not well-formed XML")]
    Syntax,
    /// A document type declaration.
    #[error("the body has a document type declaration, which is refused")]
    DocumentType,
    /// An entity that XML itself does not have.
    #[error("the body uses an entity that XML itself does not have")]
    Entity,
    /// A processing instruction.
    #[error("the body has a processing instruction, which SOAP does not allow")]
    Instruction,
    /// A prefix without a namespace.
    #[error("the body uses a prefix that it does not declare")]
    Prefix,
    /// Something besides the one root.
    #[error("the body has something besides its one element")]
    Trailing,
    /// Nested too deep.
    #[error("the body is nested deeper than {MAX_DEPTH} elements")]
    Depth,
    /// Too many elements.
    #[error("the body has more than {MAX_ELEMENTS} elements")]
    Elements,
    /// Too many attributes.
    #[error("an element of the body has more than {MAX_ATTRIBUTES} attributes")]
    Attributes,
}

/// Whose name an element has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// SOAP 1.1.
    Soap,
    /// Outbound messages.
    Outbound,
    /// Salesforce objects.
    Enterprise,
    /// Anybody else's, or nobody's.
    Other,
}

/// One element.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) space: Space,
    pub(super) name: String,
    /// The local part of `xsi:type`.
    pub(super) xsi_type: Option<String>,
    /// Whether it is `xsi:nil`.
    pub(super) is_nil: bool,
    /// Its own text, without that of its children. That of a `SessionId` has been dropped.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn is(&self, space: Space, name: &str) -> bool {
        self.space == space && self.name == name
    }

    /// A session id opens the sender's organisation to whoever holds it. Nobody here needs it.
    fn is_session(&self) -> bool {
        self.is(Space::Outbound, "SessionId")
    }
}

/// Reads one document.
pub(super) fn read(bytes: &[u8]) -> Result<Element, InvalidXml> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidXml::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_xml_char) {
        return Err(InvalidXml::Syntax);
    }
    let mut reader = NsReader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    let mut is_first = true;
    loop {
        let (space, event) = reader.read_resolved_event().map_err(|_| InvalidXml::Syntax)?;
        match event {
            Event::Eof => return tree.finish(),
            Event::Decl(declaration) if is_first => declared(&declaration)?,
            Event::Decl(_) => return Err(InvalidXml::Syntax),
            Event::DocType(_) => return Err(InvalidXml::DocumentType),
            Event::PI(_) => return Err(InvalidXml::Instruction),
            Event::Comment(_) => {}
            Event::Start(start) => {
                let space = known(&space)?;
                tree.open(element(space, &start, &reader)?)?;
            }
            Event::Empty(start) => {
                let space = known(&space)?;
                tree.open(element(space, &start, &reader)?)?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.text(&resolved(&reference)?)?,
        }
        is_first = false;
    }
}

fn declared(declaration: &BytesDecl<'_>) -> Result<(), InvalidXml> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(InvalidXml::Encoding),
    }
}

fn known(space: &ResolveResult<'_>) -> Result<Space, InvalidXml> {
    match space {
        ResolveResult::Unknown(_) => Err(InvalidXml::Prefix),
        ResolveResult::Unbound => Ok(Space::Other),
        ResolveResult::Bound(Namespace(name)) => Ok(match *name {
            SOAP => Space::Soap,
            OUTBOUND => Space::Outbound,
            ENTERPRISE => Space::Enterprise,
            _ => Space::Other,
        }),
    }
}

fn element(
    space: Space,
    start: &BytesStart<'_>,
    reader: &NsReader<&[u8]>,
) -> Result<Element, InvalidXml> {
    let (mut xsi_type, mut is_nil) = (None, false);
    for (position, attribute) in start.attributes().enumerate() {
        if position == MAX_ATTRIBUTES {
            return Err(InvalidXml::Attributes);
        }
        let attribute = attribute.map_err(|_| InvalidXml::Syntax)?;
        // Also of an attribute that nobody reads: an entity in it is refused like any other.
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| InvalidXml::Entity)?;
        let (space, name) = reader.resolver().resolve_attribute(attribute.key);
        match (space, name.as_ref()) {
            (ResolveResult::Unknown(_), _) => return Err(InvalidXml::Prefix),
            (ResolveResult::Bound(Namespace(INSTANCE)), "nil") => {
                is_nil = matches!(value.trim(), "true" | "1");
            }
            (ResolveResult::Bound(Namespace(INSTANCE)), "type") => {
                let local = value.trim().rsplit(':').next().unwrap_or_default();
                xsi_type = Some(local.to_owned());
            }
            (ResolveResult::Bound(_) | ResolveResult::Unbound, _) => {}
        }
    }
    let name = start.local_name().as_ref().to_owned();
    Ok(Element { space, name, xsi_type, is_nil, text: String::new(), children: Vec::new() })
}

fn resolved(reference: &BytesRef<'_>) -> Result<Cow<'static, str>, InvalidXml> {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().map_err(|_| InvalidXml::Syntax)?;
        let character = character.filter(|c| is_xml_char(*c)).ok_or(InvalidXml::Syntax)?;
        return Ok(Cow::Owned(character.to_string()));
    }
    resolve_xml_entity(reference).map(Cow::Borrowed).ok_or(InvalidXml::Entity)
}

/// XML 1.0, production 2.
fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// What has been read so far.
#[derive(Default)]
struct Tree {
    root: Option<Element>,
    /// The elements that are not closed yet, outermost first.
    open: Vec<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), InvalidXml> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(InvalidXml::Trailing);
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(InvalidXml::Elements);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(InvalidXml::Depth);
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) {
        // The reader has checked that the names of start and end fit.
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), InvalidXml> {
        match self.open.last_mut() {
            Some(element) if element.is_session() => Ok(()),
            Some(element) => {
                element.text.push_str(text);
                Ok(())
            }
            None if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => Ok(()),
            None => Err(InvalidXml::Trailing),
        }
    }

    fn finish(mut self) -> Result<Element, InvalidXml> {
        if !mem::take(&mut self.open).is_empty() {
            return Err(InvalidXml::Syntax);
        }
        self.root.ok_or(InvalidXml::Syntax)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> InvalidXml {
        read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn text_is_put_together_with_its_spaces_references_and_sections() {
        let element = read("<a> x &amp; &#233;&#x41;<!-- - --><![CDATA[<&]]>\r\n</a>".as_bytes());
        assert_eq!(element.unwrap().text, " x & éA<&\n");
    }

    #[test]
    fn names_are_resolved_and_prefixes_do_not_matter() {
        let element = read(
            br#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
                <Id xmlns="http://soap.sforce.com/2005/09/outbound"/><Id/>
                <x:Id xmlns:x="urn:sobject.enterprise.soap.sforce.com"
                      xmlns:i="http://www.w3.org/2001/XMLSchema-instance"
                      i:type="x:User" i:nil="1" type="other" nil="false"/></s:Envelope>"#,
        )
        .unwrap();
        assert!(element.is(Space::Soap, "Envelope"));
        let spaces: Vec<Space> = element.children.iter().map(|child| child.space).collect();
        assert_eq!(spaces, [Space::Outbound, Space::Other, Space::Enterprise]);
        let last = &element.children[2];
        assert_eq!((last.xsi_type.as_deref(), last.is_nil), (Some("User"), true));
    }

    #[test]
    fn a_session_id_does_not_leave_the_reader() {
        let element = read(
            br#"<n xmlns="http://soap.sforce.com/2005/09/outbound">
                <SessionId>canary<![CDATA[canary]]>&#99;</SessionId></n>"#,
        );
        assert!(!format!("{element:?}").contains("canary"), "{element:?}");
        assert_eq!(element.unwrap().children[0].text, "");
    }

    #[test]
    fn nothing_is_declared_or_expanded() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>"#;
        assert_eq!(fault(bomb), InvalidXml::DocumentType);
        assert_eq!(fault("<!DOCTYPE a><a/>"), InvalidXml::DocumentType);
        assert_eq!(fault("<a><!DOCTYPE a></a>"), InvalidXml::DocumentType);
        assert_eq!(fault("<a>&nbsp;</a>"), InvalidXml::Entity);
        assert_eq!(fault("<a x='&nbsp;'/>"), InvalidXml::Entity);
        assert_eq!(fault("<a><?php x?></a>"), InvalidXml::Instruction);
        assert_eq!(fault("<p:a/>"), InvalidXml::Prefix);
        assert_eq!(fault("<a p:b='c'/>"), InvalidXml::Prefix);
    }

    #[test]
    fn there_is_one_root_and_nothing_else() {
        assert!(read(b"<?xml version='1.0' encoding='utf-8'?>\n<a/>\n<!-- end -->\n").is_ok());
        assert!(read("\u{feff}<?xml version='1.0'?><a/>".as_bytes()).is_ok());
        for text in ["<a/><a/>", "<a/>x", "x<a/>", "<a/>&amp;", "<a/><![CDATA[x]]>"] {
            assert_eq!(fault(text), InvalidXml::Trailing, "{text}");
        }
        for text in
            ["", " ", "<!-- -->", "<a>", "<a></b>", "<a/></a>", "<a b=c/>", "<a b='' b=''/>"]
        {
            assert_eq!(fault(text), InvalidXml::Syntax, "{text}");
        }
        for text in
            ["<a>\u{1}</a>", "<a>&#0;</a>", "<a>&#xfffe;</a>", "<a>&#55296;</a>", "<a>&</a>"]
        {
            assert_eq!(fault(text), InvalidXml::Syntax, "{text}");
        }
        assert_eq!(fault(" <?xml version='1.0'?><a/>"), InvalidXml::Syntax);
        assert_eq!(fault("<a><?xml version='1.0'?></a>"), InvalidXml::Syntax);
    }

    #[test]
    fn other_encodings_are_refused() {
        assert_eq!(fault("<?xml version='1.0' encoding='latin1'?><a/>"), InvalidXml::Encoding);
        assert_eq!(read(b"<a>\xe9</a>").unwrap_err(), InvalidXml::Encoding);
        let wide: Vec<u8> = "\u{feff}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&wide).unwrap_err(), InvalidXml::Encoding);
    }

    #[test]
    fn depth_and_numbers_are_bounded() {
        let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(fault(&nested(MAX_DEPTH + 1)), InvalidXml::Depth);
        assert_eq!(fault(&"<a>".repeat(300_000)), InvalidXml::Depth);
        let many = |count| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(read(many(MAX_ELEMENTS - 1).as_bytes()).is_ok());
        assert_eq!(fault(&many(MAX_ELEMENTS)), InvalidXml::Elements);
        let with = |count| {
            let attributes: Vec<String> = (0..count).map(|n| format!(" a{n}=''")).collect();
            format!("<a{}/>", attributes.concat())
        };
        assert!(read(with(MAX_ATTRIBUTES).as_bytes()).is_ok());
        assert_eq!(fault(&with(MAX_ATTRIBUTES + 1)), InvalidXml::Attributes);
    }
}
