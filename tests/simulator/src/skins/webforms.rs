//! ASP.NET WebForms: one form around the page, state in hidden fields, postbacks instead of
//! addresses, generated ids, and table cells where labels should be.
//!
//! That the console is WebForms is documented by its `.aspx` addresses; the rest is what such
//! pages, and `DotNetNuke`'s in particular, look like.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::deed::Deed;
use crate::console::form::{Field, Kind};
use crate::console::page::{Block, Button, Link, Look, Page};
use crate::console::place::Place;
use crate::skins::html::{self, PIXEL, Run, escape};
use crate::skins::seal::Seal;
use crate::skins::{Dress, Rebuild, Refusal, Request};

/// The WebForms skin.
pub(crate) struct WebForms {
    pub(crate) seal: Seal,
    /// The longest view state field, in characters; ASP.NET's `MaxPageStateFieldLength`.
    pub(crate) chunk: Option<usize>,
}

/// What the view state says.
#[derive(Debug, Serialize, Deserialize)]
struct ViewState {
    place: Place,
    /// Makes every rendering differ, as a real one does.
    nonce: String,
}

impl Dress for WebForms {
    fn read(&self, request: &Request, rebuild: &Rebuild<'_>) -> Result<Deed, Refusal> {
        let path = request.path.to_ascii_lowercase();
        if !request.is_post {
            return match (path.as_str(), request.instance) {
                ("/login.aspx", _) => Ok(Deed::Visit(Place::Login)),
                ("/code.aspx", _) => Ok(Deed::Visit(Place::Code)),
                ("/" | "/default.aspx", Some(instance)) => Ok(Deed::Visit(Place::Home(instance))),
                ("/" | "/default.aspx", None) => Ok(Deed::Visit(Place::Start)),
                _ => Err(Refusal::NotFound),
            };
        }
        let place = self.place_of(request)?;
        if !path.eq_ignore_ascii_case(file(place)) {
            return Err(Refusal::ViewState);
        }
        let page = rebuild(place).ok_or(Refusal::ViewState)?;
        postback(&page, request)
    }

    fn show(&self, page: &Page, session: &str) -> String {
        let state = json!(ViewState { place: page.place, nonce: nonce() }).to_string();
        let generator = generator(page.place);
        let sealed = self.seal.close(&["viewstate", session, &generator], &state);
        let valid = self.seal.close(&["eventvalidation", session, &sealed], "");
        let body = html::in_runs(&page.blocks, frame, |block| write(block, page.place));
        let form = format!(
            "<form method=\"post\" action=\".{}\" id=\"Form\">\n<div class=\"aspNetHidden\">\n\
             <input type=\"hidden\" name=\"__EVENTTARGET\" id=\"__EVENTTARGET\" value=\"\">\n\
             <input type=\"hidden\" name=\"__EVENTARGUMENT\" id=\"__EVENTARGUMENT\" value=\"\">\n\
             {}<input type=\"hidden\" name=\"__VIEWSTATEGENERATOR\" id=\"__VIEWSTATEGENERATOR\" \
             value=\"{generator}\">\n\
             <input type=\"hidden\" name=\"__EVENTVALIDATION\" id=\"__EVENTVALIDATION\" \
             value=\"{valid}\">\n</div>\n{DO_POST_BACK}{body}\
             <input type=\"hidden\" name=\"ScrollTop\" id=\"ScrollTop\">\n</form>",
            escape(&self.address(page.place)),
            self.state_fields(&sealed)
        );
        html::document(&page.title, &form)
    }

    fn address(&self, place: Place) -> String {
        match place {
            Place::Login | Place::Code => file(place).to_owned(),
            Place::ConfirmAddress
            | Place::Start
            | Place::Instances
            | Place::Home(_)
            | Place::Tools(_)
            | Place::DataSync(_)
            | Place::Connectors(_)
            | Place::Connector(..)
            | Place::ChangeState(..)
            | Place::DataSource(..)
            | Place::Integration(..)
            | Place::LogOut => "/default.aspx?tabid=36".to_owned(),
        }
    }

    fn is_public(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        path != "/" && path != "/default.aspx"
    }
}

impl WebForms {
    fn state_fields(&self, sealed: &str) -> String {
        let hidden = |name: &str, value: &str| {
            format!("<input type=\"hidden\" name=\"{name}\" id=\"{name}\" value=\"{value}\">\n")
        };
        let Some(chunk) = self.chunk.filter(|chunk| (1..sealed.len()).contains(chunk)) else {
            return hidden("__VIEWSTATE", sealed);
        };
        let chunks: Vec<String> = sealed
            .as_bytes()
            .chunks(chunk)
            .map(|part| part.iter().map(|&b| char::from(b)).collect())
            .collect();
        let mut fields = hidden("__VIEWSTATEFIELDCOUNT", &chunks.len().to_string());
        for (position, part) in chunks.iter().enumerate() {
            fields.push_str(&hidden(&state_field(position), part));
        }
        fields
    }

    /// Opens the view state, which may have come in several fields.
    fn place_of(&self, request: &Request) -> Result<Place, Refusal> {
        let count = match request.value("__VIEWSTATEFIELDCOUNT") {
            Some(count) => count.parse().map_err(|_| Refusal::ViewState)?,
            None => 1,
        };
        if count > request.form.len() {
            return Err(Refusal::ViewState);
        }
        let mut sealed = String::new();
        for position in 0..count {
            let part = request.value(&state_field(position)).ok_or(Refusal::ViewState)?;
            sealed.push_str(part);
        }
        let generator = request.value("__VIEWSTATEGENERATOR").ok_or(Refusal::ViewState)?;
        let state = self
            .seal
            .open(&["viewstate", &request.session, generator], &sealed)
            .ok_or(Refusal::ViewState)?;
        let valid = request.value("__EVENTVALIDATION").ok_or(Refusal::Postback)?;
        self.seal
            .open(&["eventvalidation", &request.session, &sealed], valid)
            .ok_or(Refusal::Postback)?;
        let state: ViewState = serde_json::from_str(&state).map_err(|_| Refusal::ViewState)?;
        Ok(state.place)
    }
}

/// Which of the page's controls sent it back.
fn postback(page: &Page, request: &Request) -> Result<Deed, Refusal> {
    let here = page.place;
    let target = request.value("__EVENTTARGET").unwrap_or("");
    let argument = request.value("__EVENTARGUMENT").unwrap_or("");
    let sent = |name: &str| request.form.iter().filter(|(known, _)| known == name).count();
    let pressed_links: Vec<&Link> = page
        .links()
        .filter(|link| link.look == Look::Press && sent(&press_name(here, &link.key)) > 0)
        .collect();
    let pressed_buttons: Vec<&Button> =
        page.buttons().filter(|button| sent(&press_name(here, &button.key)) > 0).collect();
    if !target.is_empty() {
        if !pressed_links.is_empty() || !pressed_buttons.is_empty() {
            return Err(Refusal::Buttons);
        }
        return page
            .links()
            .find(|link| {
                link.look != Look::Press
                    && event(here, link) == (target.to_owned(), argument.to_owned())
            })
            .map(|link| Deed::Visit(link.to))
            .ok_or(Refusal::Postback);
    }
    match (pressed_links.as_slice(), pressed_buttons.as_slice()) {
        // ASP.NET shows the page again when no control claims the postback.
        ([], []) => Ok(Deed::Visit(here)),
        ([link], []) => Ok(Deed::Visit(link.to)),
        ([], [button]) => {
            let fields = page
                .fields()
                .filter_map(|field| {
                    let value = request.value(&name_of(here, field))?;
                    Some((field.key.to_owned(), value.to_owned()))
                })
                .collect();
            Ok(Deed::Submit { place: here, button: button.key.clone(), fields })
        }
        _ => Err(Refusal::Buttons),
    }
}

const DO_POST_BACK: &str = "<script>\nvar theForm = document.forms['Form'];\n\
    function __doPostBack(eventTarget, eventArgument) {\n\
    theForm.__EVENTTARGET.value = eventTarget;\n\
    theForm.__EVENTARGUMENT.value = eventArgument;\ntheForm.submit();\n}\n</script>\n";

fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn state_field(position: usize) -> String {
    if position == 0 { "__VIEWSTATE".to_owned() } else { format!("__VIEWSTATE{position}") }
}

const fn file(place: Place) -> &'static str {
    match place {
        Place::Login => "/Login.aspx",
        Place::Code => "/Code.aspx",
        Place::ConfirmAddress
        | Place::Start
        | Place::Instances
        | Place::Home(_)
        | Place::Tools(_)
        | Place::DataSync(_)
        | Place::Connectors(_)
        | Place::Connector(..)
        | Place::ChangeState(..)
        | Place::DataSource(..)
        | Place::Integration(..)
        | Place::LogOut => "/default.aspx",
    }
}

/// Eight hexadecimal digits that name the page's class.
fn generator(place: Place) -> String {
    let sum = file(place)
        .bytes()
        .fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{sum:08X}")
}

/// The control that the page is made by: a module number and a class.
const fn module(place: Place) -> &'static str {
    match place {
        Place::Login => "dnn$ctr390$SignOn",
        Place::Code => "dnn$ctr391$TwoFactor",
        Place::ConfirmAddress => "dnn$ctr392$ConfirmIp",
        Place::Start | Place::Instances | Place::LogOut => "dnn$ctr401$Products",
        Place::Home(_) | Place::Tools(_) => "dnn$ctr410$Dashboard",
        Place::DataSync(_) | Place::Connectors(_) => "dnn$ctr432$DataSync",
        Place::Connector(..) | Place::ChangeState(..) => "dnn$ctr432$Connector",
        Place::DataSource(..) => "dnn$ctr432$DataSource$ctl03",
        Place::Integration(..) => "dnn$ctr447$Integration$ctl00",
    }
}

fn name_of(here: Place, field: &Field) -> String {
    let prefix = match field.kind {
        Kind::Text | Kind::Blank | Kind::Echoed | Kind::Lines => "txt",
        Kind::Tick => "chk",
        Kind::Choice(_) => "ddl",
    };
    format!("{}${prefix}{}", module(here), field.key)
}

fn press_name(here: Place, key: &str) -> String {
    format!("{}$btn{key}", module(here))
}

/// What `__doPostBack` is called with.
fn event(here: Place, link: &Link) -> (String, String) {
    match link.look {
        Look::Menu => ("dnn$dnnMENU$ctl00".to_owned(), link.key.clone()),
        Look::Row => (format!("{}$grid", module(here)), format!("Select${}", link.key)),
        Look::Tab => (format!("{}$tabs${}", module(here), link.key), String::new()),
        Look::Press => (press_name(here, &link.key), String::new()),
    }
}

fn frame(run: Run) -> (&'static str, &'static str) {
    match run {
        Run::Menu => ("<div id=\"dnn_dnnMENU\"><ul class=\"main_dnnmenu_bar\">", "</ul></div>"),
        Run::Tabs => ("<table class=\"tabs\"><tr>", "</tr></table>"),
        Run::Rows | Run::Ticks => ("<table class=\"grid\" cellspacing=\"0\">", "</table>"),
        Run::Fields => ("<table cellpadding=\"2\">", "</table>"),
        Run::Presses => ("<div class=\"CommandRow\">", "</div>"),
        Run::Single => ("", ""),
    }
}

fn write(block: &Block, here: Place) -> String {
    match block {
        Block::Heading(text) => format!("<span class=\"Head\">{}</span><br>", escape(text)),
        Block::Note(text) => format!("<span class=\"Normal\">{}</span><br>", escape(text)),
        Block::Error(text) => format!(
            "<span class=\"NormalRed error\" style=\"color:Red;\">{}</span><br>",
            escape(text)
        ),
        Block::State(label, value) => {
            format!("<span class=\"SubHead\">{}: {}</span><br>", escape(label), escape(value))
        }
        Block::Tick(label, yes) => format!(
            "<tr><td class=\"SubHead\">{}</td><td><img src=\"{PIXEL}\" alt=\"{}\"></td></tr>",
            escape(label),
            if *yes { "Yes" } else { "No" }
        ),
        Block::Link(link) => write_link(link, here),
        Block::Button(button) => submit(here, &button.key, &button.text),
        Block::Field(field) if here == Place::Login => {
            format!("<tr><td>{}</td></tr>", control(here, field, true))
        }
        Block::Field(field) => format!(
            "<tr><td class=\"SubHead\">{}</td><td>{}</td></tr>",
            escape(&field.label),
            control(here, field, false)
        ),
    }
}

fn write_link(link: &Link, here: Place) -> String {
    let text = escape(&link.text);
    let (target, argument) = event(here, link);
    let href = format!("javascript:__doPostBack('{target}','{argument}')");
    let anchor = format!("<a href=\"{}\">{text}</a>", escape(&href));
    match link.look {
        // It only opens the menu under it, by hovering.
        Look::Menu if matches!(link.to, Place::Tools(_)) => {
            format!("<li class=\"mi\"><a href=\"#\">{text}</a></li>")
        }
        Look::Menu => format!("<li class=\"mi\">{anchor}</li>"),
        Look::Row => format!("<tr><td>{anchor}</td></tr>"),
        Look::Tab => format!("<td>{anchor}</td>"),
        Look::Press => submit(here, &link.key, &link.text),
    }
}

fn submit(here: Place, key: &str, text: &str) -> String {
    let name = press_name(here, key);
    format!(
        "<input type=\"submit\" name=\"{name}\" value=\"{}\" id=\"{}\">",
        escape(text),
        name.replace('$', "_")
    )
}

/// The login's boxes have a placeholder for a label, as a public test of the sign-on page shows.
fn control(here: Place, field: &Field, placeholder: bool) -> String {
    let name = name_of(here, field);
    let id = name.replace('$', "_");
    let value = escape(&field.value);
    let hint = if placeholder {
        format!(" placeholder=\"{}\"", escape(&field.label))
    } else {
        String::new()
    };
    let input = |kind: &str, rest: &str| {
        format!("<input name=\"{name}\" type=\"{kind}\" id=\"{id}\"{rest}{hint}>")
    };
    match field.kind {
        Kind::Text => input("text", &format!(" value=\"{value}\"")),
        Kind::Blank => input("password", ""),
        Kind::Echoed => input("password", &format!(" value=\"{value}\"")),
        Kind::Tick if field.value.is_empty() => input("checkbox", ""),
        Kind::Tick => input("checkbox", " checked=\"checked\""),
        Kind::Lines => format!(
            "<textarea name=\"{name}\" rows=\"4\" cols=\"40\" id=\"{id}\">\n{}</textarea>",
            escape(&field.value.replace("\r\n", "\n"))
        ),
        Kind::Choice(choices) => {
            let options = html::options(choices, &field.value);
            format!("<select name=\"{name}\" id=\"{id}\">{options}</select>")
        }
    }
}
