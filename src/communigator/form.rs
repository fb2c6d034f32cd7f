//! A form, and what a browser would send for it.

use std::borrow::Cow;

use encoding_rs::Encoding;
use url::Url;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::communigator::control::{Control, Kind};
use crate::communigator::page::{Effect, Page};
use crate::communigator::postback::Postback;
use crate::ports::console::Trouble;

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
enum Press<'a> {
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
struct CannotEncode;

type Pairs = Vec<(Zeroizing<String>, Zeroizing<String>)>;

impl Request {
    /// A plain request for an address.
    pub(super) fn get(url: Url, referrer: Option<Url>) -> Self {
        let body = Zeroizing::default();
        Self { url, method: Method::Get, content_type: String::new(), body, referrer }
    }

    /// The request that pressing something on a page makes, after these entries; `None` where it
    /// takes a script.
    pub(super) fn pressing(
        page: &Page,
        action: usize,
        entries: &Entries<'_>,
    ) -> Result<Option<Self>, Trouble> {
        let Some(action) = page.actions.get(action) else { return Ok(None) };
        let (form, press) = match &action.effect {
            Effect::Go(url) => {
                return Ok(Some(Self::get(url.clone(), Some(page.url.clone()))));
            }
            Effect::Submit(button) => (action.form, Press::Button(*button)),
            Effect::Postback(postback, form) => (*form, Press::Postback(postback)),
            Effect::Stay | Effect::Script => return Ok(None),
        };
        let Some(form) = form else { return Ok(None) };
        Self::submit(page, form, entries, &press).map_err(|CannotEncode| {
            let message = "the page's encoding cannot carry a character of the new value";
            Trouble::SaveRefused { page: page.name().to_owned(), message: message.to_owned() }
        })
    }

    /// The request that a browser would send for a form of a page: its successful controls in
    /// document order, with what was entered, and the one thing that was pressed.
    fn submit(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::communigator::read::sample;

    fn sent(html: &str, entries: &Entries<'_>) -> String {
        body(&sample::page(html), entries).unwrap()
    }

    /// Presses the page's first action.
    fn body(page: &Page, entries: &Entries<'_>) -> Result<String, CannotEncode> {
        let request = match &page.actions[0].effect {
            Effect::Submit(button) => {
                Request::submit(page, 0, entries, &Press::Button(*button))?.unwrap()
            }
            Effect::Postback(postback, _) => {
                Request::submit(page, 0, entries, &Press::Postback(postback))?.unwrap()
            }
            Effect::Go(_) | Effect::Stay | Effect::Script => panic!("not a submission"),
        };
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        Ok(if body.is_empty() { request.url.to_string() } else { body })
    }

    #[test]
    fn a_form_sends_what_a_browser_would_in_its_order() {
        let html = "<form method=post><button name=go value=1>Go</button>\
            <input type=hidden name=__VIEWSTATE value='a+/='><input type=hidden name=__VIEWSTATE1 value=b>\
            <input name=t value=' x '><input type=password name=p><textarea name=ta>\nl1\nl2</textarea>\
            <input type=checkbox name=on checked><input type=checkbox name=off value=v>\
            <input type=radio name=r value=1><input type=radio name=r value=2 checked>\
            <select name=s><option value=1>a<option value=2 selected>b</select>\
            <select name=m multiple><option selected>x<option>y<option selected>z</select>\
            <input name=dis disabled value=x><fieldset disabled><input name=dis2 value=x></fieldset>\
            <input value=nameless><input type=file name=f><input type=reset name=rst value=r>\
            <input type=submit name=other value=2></form><input name=outside value=x>";
        assert_eq!(
            sent(html, &Entries::default()),
            "go=1&__VIEWSTATE=a%2B%2F%3D&__VIEWSTATE1=b&t=+x+&p=&ta=l1%0D%0Al2&on=on&r=2&s=2&m=x&m=z&f="
        );
    }

    #[test]
    fn only_what_was_entered_differs() {
        let html = "<form method=post><input name=a value=1><input name=p type=password>\
            <select name=s><option>x<option>y</select><button name=b value=B>Go</button></form>";
        let page = sample::page(html);
        let entries = Entries { typed: vec![(1, "n&w")], chosen: Some((2, 1)) };
        assert_eq!(body(&page, &entries).unwrap(), "a=1&p=n%26w&s=y&b=B");
    }

    #[test]
    fn a_postback_fills_its_two_fields_and_presses_no_button() {
        let link = "<a href=\"javascript:__doPostBack('t$1','a')\">x</a>";
        let fields = "<input type=hidden name=__EVENTTARGET value=''>\
            <input type=hidden name=__EVENTARGUMENT><input name=v value=1><input type=submit name=b>";
        let html = format!("<form method=post>{link}{fields}</form>");
        assert_eq!(sent(&html, &Entries::default()), "__EVENTTARGET=t%241&__EVENTARGUMENT=a&v=1");
        let html = format!("<form method=post>{link}<input name=v value=1></form>");
        assert_eq!(sent(&html, &Entries::default()), "v=1&__EVENTTARGET=t%241&__EVENTARGUMENT=a");
    }

    #[test]
    fn an_image_button_sends_where_it_was_pressed() {
        let html = "<form method=post><input type=image name=i alt=Go value=x></form>";
        assert_eq!(sent(html, &Entries::default()), "i.x=1&i.y=1");
    }

    #[test]
    fn a_form_is_sent_to_its_action_by_its_method() {
        let html =
            "<form action='/find?old=1#x'><input name=q value='é '><button>Go</button></form>";
        assert_eq!(sent(html, &Entries::default()), "https://console.example/find?q=%C3%A9+");
        let html = "<form><input name=q value=1><button>Go</button></form>";
        assert_eq!(sent(html, &Entries::default()), "https://console.example/a/b?q=1");
    }

    #[test]
    fn a_multipart_form_has_a_part_for_every_field() {
        let html = "<form method=post enctype=Multipart/Form-Data><input name='a\"b' value='----reset-receiver-00000000'>\
            <button>Go</button></form>";
        assert_eq!(
            sent(html, &Entries::default()),
            "------reset-receiver-00000001\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\n\
             ----reset-receiver-00000000\r\n------reset-receiver-00000001--\r\n"
        );
    }

    #[test]
    fn a_form_goes_back_in_the_pages_encoding_or_not_at_all() {
        let html = "<form method=post><input name=p><button>Go</button></form>";
        let mut page = sample::page(html);
        page.encoding = encoding_rs::WINDOWS_1252;
        let typed = |text| Entries { typed: vec![(0, text)], chosen: None };
        assert_eq!(body(&page, &typed("é€")).unwrap(), "p=%E9%80");
        assert_eq!(body(&page, &typed("ł")), Err(CannotEncode));
    }
}
