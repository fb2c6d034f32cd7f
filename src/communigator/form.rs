//! A form, and what a browser would send for it.

use std::borrow::Cow;

use encoding_rs::Encoding;
use url::Url;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::communigator::control::{Control, Kind};
use crate::communigator::page::Page;
use crate::communigator::postback::Postback;

/// A form of a page.
pub(super) struct Form {
    /// Where it is sent.
    pub action: Url,
    /// How.
    pub method: Method,
    /// Whether its body is `multipart/form-data`.
    pub multipart: bool,
}

/// How a form is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// In the address; it changes nothing.
    Get,
    /// In the body; it may change something.
    Post,
}

/// What a person did to a form before pressing a button. Indices are into the page's controls.
#[derive(Default)]
pub(super) struct Entries<'a> {
    /// What was typed, by control.
    pub typed: Vec<(usize, &'a str)>,
    /// Which entry of a drop-down was chosen, by control and place.
    pub chosen: Option<(usize, usize)>,
}

/// What was pressed.
pub(super) enum Press<'a> {
    /// A button: the index of its control.
    Button(usize),
    /// A postback link.
    Postback(&'a Postback),
}

/// A request that is ready to be sent. It may hold secrets, and therefore has no `Debug`.
pub(super) struct Request {
    /// Its address.
    pub url: Url,
    /// How it is sent.
    pub method: Method,
    /// The content type of its body.
    pub content_type: String,
    /// Its body; empty for a GET.
    pub body: Zeroizing<Vec<u8>>,
    /// The page that it comes from.
    pub referrer: Option<Url>,
}

/// A text that the page's encoding cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CannotEncode;

type Pairs = Vec<(Zeroizing<String>, Zeroizing<String>)>;

impl Request {
    /// A plain request for an address.
    pub(super) fn get(url: Url, referrer: Option<Url>) -> Self {
        let body = Zeroizing::default();
        Self { url, method: Method::Get, content_type: String::new(), body, referrer }
    }

    /// The request that a browser would send for a form of a page: its successful controls in
    /// document order, with what was entered, and the one thing that was pressed.
    pub(super) fn submit(
        page: &Page,
        form: usize,
        entries: &Entries<'_>,
        press: &Press<'_>,
    ) -> Result<Option<Self>, CannotEncode> {
        let Some(target) = page.forms.get(form) else { return Ok(None) };
        let pairs = pairs(page, form, entries, press);
        let mut url = target.action.clone();
        let mut content_type = String::new();
        let mut body = Zeroizing::default();
        if target.method == Method::Get {
            let query = encode(&pairs, page.encoding)?;
            url.set_query(Some(&query));
        } else if target.multipart {
            let boundary = boundary(&pairs);
            content_type = format!("multipart/form-data; boundary={boundary}");
            body = multipart(&pairs, &boundary, page.encoding)?;
        } else {
            "application/x-www-form-urlencoded".clone_into(&mut content_type);
            body = Zeroizing::new(encode(&pairs, page.encoding)?.as_bytes().to_vec());
        }
        url.set_fragment(None);
        let referrer = Some(page.url.clone());
        Ok(Some(Self { url, method: target.method, content_type, body, referrer }))
    }
}

fn pairs(page: &Page, form: usize, entries: &Entries<'_>, press: &Press<'_>) -> Pairs {
    let mut pairs = Pairs::new();
    let mut push = |name: &str, value: &str| {
        pairs.push((Zeroizing::new(name.to_owned()), Zeroizing::new(value.to_owned())));
    };
    let mut posted_back = (false, false);
    for (index, control) in page.controls.iter().enumerate() {
        if control.form != Some(form) {
            continue;
        }
        if let (Press::Button(pressed), Kind::Submit { value, image }) = (press, &control.kind)
            && *pressed == index
        {
            if *image {
                let dot = if control.name.is_empty() { "" } else { "." };
                push(&format!("{}{dot}x", control.name), "1");
                push(&format!("{}{dot}y", control.name), "1");
            } else if !control.name.is_empty() {
                push(&control.name, value);
            }
            continue;
        }
        if control.name.is_empty() {
            continue;
        }
        match press {
            Press::Postback(postback) if control.name == Postback::TARGET => {
                posted_back.0 = true;
                push(&control.name, &postback.target);
                continue;
            }
            Press::Postback(postback) if control.name == Postback::ARGUMENT => {
                posted_back.1 = true;
                push(&control.name, &postback.argument);
                continue;
            }
            Press::Postback(_) | Press::Button(_) => {}
        }
        for value in values(index, control, entries) {
            push(&control.name, &value);
        }
    }
    // ASP.NET draws the two fields only on pages whose own script needs them.
    if let Press::Postback(postback) = press {
        if !posted_back.0 {
            push(Postback::TARGET, &postback.target);
        }
        if !posted_back.1 {
            push(Postback::ARGUMENT, &postback.argument);
        }
    }
    pairs
}

fn values<'a>(index: usize, control: &'a Control, entries: &Entries<'a>) -> Vec<Cow<'a, str>> {
    if let Some((_, text)) = entries.typed.iter().find(|(typed, _)| *typed == index) {
        return vec![Cow::Borrowed(*text)];
    }
    if let (Some((at, place)), Kind::Select(choices)) = (entries.chosen, &control.kind)
        && at == index
    {
        let chosen = choices.get(place).into_iter();
        return chosen.map(|choice| Cow::Borrowed(choice.value.as_str())).collect();
    }
    let several_lines = matches!(control.kind, Kind::TextArea(_));
    let submitted = control.submitted().into_iter();
    submitted.map(|value| if several_lines { line_ends(value) } else { value.into() }).collect()
}

/// A form's lines end in CR LF, whatever the page has.
fn line_ends(value: &str) -> Cow<'_, str> {
    value.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n").into()
}

fn in_encoding<'a>(
    text: &'a str,
    encoding: &'static Encoding,
) -> Result<Cow<'a, [u8]>, CannotEncode> {
    let (bytes, _, lossy) = encoding.encode(text);
    if lossy { Err(CannotEncode) } else { Ok(bytes) }
}

fn encode(pairs: &Pairs, encoding: &'static Encoding) -> Result<Zeroizing<String>, CannotEncode> {
    let mut query = Zeroizing::new(String::new());
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(form_urlencoded::byte_serialize(&in_encoding(name, encoding)?));
        query.push('=');
        query.extend(form_urlencoded::byte_serialize(&in_encoding(value, encoding)?));
    }
    Ok(query)
}

/// A boundary that occurs in none of the values.
fn boundary(pairs: &Pairs) -> String {
    let mut number = 0_u32;
    loop {
        let boundary = format!("----reset-receiver-{number:08}");
        if !pairs.iter().any(|(_, value)| value.contains(&boundary)) {
            return boundary;
        }
        number += 1;
    }
}

fn multipart(
    pairs: &Pairs,
    boundary: &str,
    encoding: &'static Encoding,
) -> Result<Zeroizing<Vec<u8>>, CannotEncode> {
    let mut body = Zeroizing::new(Vec::new());
    for (name, value) in pairs {
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(b"Content-Disposition: form-data; name=\"");
        body.extend_from_slice(&in_encoding(&name, encoding)?);
        body.extend_from_slice(b"\"\r\n\r\n");
        body.extend_from_slice(&in_encoding(value, encoding)?);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(body)
}
