//! Plain forms: an address per page, labels with `for`, ordinary links, an anti-forgery token.

use crate::console::deed::Deed;
use crate::console::form::{Field, Kind};
use crate::console::page::{Block, Page};
use crate::console::place::{Place, Tab};
use crate::skins::html::{self, PIXEL, Run, escape};
use crate::skins::seal::Seal;
use crate::skins::{Dress, Rebuild, Refusal, Request};

const TOKEN: &str = "__RequestVerificationToken";
const BUTTON: &str = "button";

/// The plain skin.
pub(crate) struct Plain {
    pub(crate) seal: Seal,
}

impl Dress for Plain {
    fn read(&self, request: &Request, _: &Rebuild<'_>) -> Result<Deed, Refusal> {
        let place = place_at(&request.path).ok_or(Refusal::NotFound)?;
        if !request.is_post {
            return Ok(Deed::Visit(place));
        }
        let token = request.value(TOKEN).unwrap_or("");
        self.seal.open(&["token", &request.session], token).ok_or(Refusal::Forgery)?;
        let mut pressed = request.form.iter().filter(|(name, _)| name == BUTTON);
        let (Some((_, button)), None) = (pressed.next(), pressed.next()) else {
            return Err(Refusal::Buttons);
        };
        let fields = request.form.iter().filter(|(name, _)| name != BUTTON && name != TOKEN);
        Ok(Deed::Submit { place, button: button.clone(), fields: fields.cloned().collect() })
    }

    fn show(&self, page: &Page, session: &str) -> String {
        let body = html::in_runs(&page.blocks, frame, |block| write(block, page.place));
        if page.buttons().next().is_none() {
            return html::document(&page.title, &body);
        }
        let form = format!(
            "<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"{TOKEN}\" \
             value=\"{}\">\n{body}</form>",
            escape(&address(page.place)),
            self.seal.close(&["token", session], "")
        );
        html::document(&page.title, &form)
    }

    fn address(&self, place: Place) -> String {
        address(place)
    }

    fn is_public(&self, path: &str) -> bool {
        place_at(path).is_none_or(Place::is_public)
    }
}

fn address(place: Place) -> String {
    match place {
        Place::Login => "/login".to_owned(),
        Place::Code => "/login/code".to_owned(),
        Place::ConfirmAddress => "/login/confirm".to_owned(),
        Place::Start => "/".to_owned(),
        Place::Instances => "/instances".to_owned(),
        Place::LogOut => "/logout".to_owned(),
        Place::Home(one) => format!("/instances/{one}"),
        Place::Tools(one) => format!("/instances/{one}/tools"),
        Place::DataSync(one) => format!("/instances/{one}/data-sync"),
        Place::Connectors(one) => format!("/instances/{one}/connectors"),
        Place::Connector(one, at) => format!("/instances/{one}/connectors/{at}"),
        Place::ChangeState(one, at) => format!("/instances/{one}/connectors/{at}/state"),
        Place::DataSource(one, at) => format!("/instances/{one}/connectors/{at}/data-source"),
        Place::Integration(one, Tab::General) => format!("/instances/{one}/integration"),
        Place::Integration(one, Tab::Security) => format!("/instances/{one}/integration/security"),
        Place::Integration(one, Tab::QueueStatus) => format!("/instances/{one}/integration/queue"),
        Place::Integration(one, Tab::Mappings) => format!("/instances/{one}/integration/mappings"),
    }
}

fn place_at(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let number = |text: &str| text.parse::<usize>().ok();
    Some(match parts.as_slice() {
        [] => Place::Start,
        ["login"] => Place::Login,
        ["login", "code"] => Place::Code,
        ["login", "confirm"] => Place::ConfirmAddress,
        ["logout"] => Place::LogOut,
        ["instances"] => Place::Instances,
        ["instances", one] => Place::Home(number(one)?),
        ["instances", one, "tools"] => Place::Tools(number(one)?),
        ["instances", one, "data-sync"] => Place::DataSync(number(one)?),
        ["instances", one, "connectors"] => Place::Connectors(number(one)?),
        ["instances", one, "connectors", at] => Place::Connector(number(one)?, number(at)?),
        ["instances", one, "connectors", at, "state"] => {
            Place::ChangeState(number(one)?, number(at)?)
        }
        ["instances", one, "connectors", at, "data-source"] => {
            Place::DataSource(number(one)?, number(at)?)
        }
        ["instances", one, "integration"] => Place::Integration(number(one)?, Tab::General),
        ["instances", one, "integration", tab] => {
            let tab = match *tab {
                "security" => Tab::Security,
                "queue" => Tab::QueueStatus,
                "mappings" => Tab::Mappings,
                _ => return None,
            };
            Place::Integration(number(one)?, tab)
        }
        _ => return None,
    })
}

fn frame(run: Run) -> (&'static str, &'static str) {
    match run {
        Run::Menu => ("<ul class=\"menu\">", "</ul>"),
        Run::Rows => ("<ul class=\"list\">", "</ul>"),
        Run::Tabs => ("<ul class=\"tabs\">", "</ul>"),
        Run::Ticks => ("<table>", "</table>"),
        Run::Presses => ("<p class=\"actions\">", "</p>"),
        Run::Fields | Run::Single => ("", ""),
    }
}

fn write(block: &Block, here: Place) -> String {
    match block {
        Block::Heading(text) => format!("<h2>{}</h2>", escape(text)),
        Block::Note(text) => format!("<p>{}</p>", escape(text)),
        Block::Error(text) => {
            format!("<p class=\"error\" style=\"color: red\">{}</p>", escape(text))
        }
        Block::State(label, value) => {
            format!("<p class=\"state\">{}: {}</p>", escape(label), escape(value))
        }
        Block::Tick(label, yes) => format!(
            "<tr><td>{}</td><td><img src=\"{PIXEL}\" alt=\"{}\"></td></tr>",
            escape(label),
            if *yes { "Yes" } else { "No" }
        ),
        Block::Link(link) => {
            let current = if link.to == here { " aria-current=\"page\"" } else { "" };
            let anchor = format!(
                "<a href=\"{}\"{current}>{}</a>",
                escape(&address(link.to)),
                escape(&link.text)
            );
            match html::run_of(block) {
                Run::Menu | Run::Rows | Run::Tabs => format!("<li>{anchor}</li>"),
                Run::Fields | Run::Ticks | Run::Presses | Run::Single => anchor,
            }
        }
        Block::Button(button) => format!(
            "<button type=\"submit\" name=\"{BUTTON}\" value=\"{}\">{}</button>",
            escape(&button.key),
            escape(&button.text)
        ),
        Block::Field(field) => format!(
            "<p><label for=\"{0}\">{1}</label> {2}</p>",
            field.key,
            escape(&field.label),
            control(field)
        ),
    }
}

fn control(field: &Field) -> String {
    let key = field.key;
    let value = escape(&field.value);
    match field.kind {
        Kind::Text => {
            format!("<input type=\"text\" id=\"{key}\" name=\"{key}\" value=\"{value}\">")
        }
        Kind::Blank => {
            format!("<input type=\"password\" id=\"{key}\" name=\"{key}\" autocomplete=\"off\">")
        }
        Kind::Echoed => {
            format!("<input type=\"password\" id=\"{key}\" name=\"{key}\" value=\"{value}\">")
        }
        Kind::Tick => {
            let ticked = if field.value.is_empty() { "" } else { " checked" };
            format!("<input type=\"checkbox\" id=\"{key}\" name=\"{key}\" value=\"on\"{ticked}>")
        }
        Kind::Lines => format!(
            "<textarea id=\"{key}\" name=\"{key}\" rows=\"4\" cols=\"40\">\n{}</textarea>",
            html::escape(&field.value.replace("\r\n", "\n"))
        ),
        Kind::Choice(choices) => {
            let options = html::options(choices, &field.value);
            format!("<select id=\"{key}\" name=\"{key}\">{options}</select>")
        }
    }
}
