//! What each page shows, in the words of the vendor's runbook.

use crate::console::form::{Field, Kind};
use crate::console::page::{Block, Button, Link, Look, Page};
use crate::console::place::{Place, Tab};
use crate::console::surface::{Connector, Instance, State, login_error};

fn heading(text: &str) -> Block {
    Block::Heading(text.to_owned())
}

fn note(text: &str) -> Block {
    Block::Note(text.to_owned())
}

fn link(look: Look, key: &str, text: &str, to: Place) -> Block {
    Block::Link(Link { text: text.to_owned(), to, look, key: key.to_owned() })
}

fn button(key: &str, text: &str) -> Block {
    Block::Button(Button { text: text.to_owned(), key: key.to_owned() })
}

/// The page of a place, or `None` where there is no such instance or connector, or no page of its
/// own (`Start` and `LogOut` lead elsewhere).
pub(crate) fn page(instances: &[Instance], visible: &[usize], place: Place) -> Option<Page> {
    let (title, blocks) = match place {
        Place::Login => ("Login", login()),
        Place::Code => ("Google Authenticator", code()),
        Place::ConfirmAddress => ("Confirm your IP", confirm_address()),
        Place::Instances => ("Your products", list_instances(instances, visible)),
        Place::Start | Place::LogOut => return None,
        Place::Home(_)
        | Place::Tools(_)
        | Place::DataSync(_)
        | Place::Connectors(_)
        | Place::Connector(..)
        | Place::ChangeState(..)
        | Place::DataSource(..)
        | Place::Integration(..) => {
            let number = place.instance().filter(|number| visible.contains(number))?;
            let instance = instances.get(number)?;
            let (title, body) = inside(instance, number, place)?;
            let mut blocks = menu(number, visible.len() > 1);
            blocks.extend(body);
            (title, blocks)
        }
    };
    Some(Page { place, title: title.to_owned(), blocks })
}

fn login() -> Vec<Block> {
    vec![
        heading("Single Sign On"),
        Block::Field(Field::new("Email", "Email", Kind::Text, "")),
        Block::Field(Field::new("Password", "Password", Kind::Blank, "")),
        button("Login", "Login"),
    ]
}

fn code() -> Vec<Block> {
    vec![
        heading("Google Authenticator"),
        note("Enter the six digits that your authenticator shows."),
        Block::Field(Field::new("Code", "Code", Kind::Text, "")),
        Block::Field(Field::new("Trust", "Sign in automatically for 30 days", Kind::Tick, "")),
        button("Continue", "Continue"),
    ]
}

fn confirm_address() -> Vec<Block> {
    vec![
        heading("Confirm your IP"),
        note(
            "You are logging in from a location that is not linked to your account. We have sent \
             you an e-mail with the steps to confirm your IP address.",
        ),
    ]
}

fn list_instances(instances: &[Instance], visible: &[usize]) -> Vec<Block> {
    let mut blocks = vec![heading("Your GatorMail instances")];
    blocks.extend(visible.iter().filter_map(|&number| {
        let instance = instances.get(number)?;
        Some(link(Look::Row, &format!("instance{number}"), &instance.name, Place::Home(number)))
    }));
    blocks.push(link(Look::Menu, "logout", "Log out", Place::LogOut));
    blocks
}

fn menu(instance: usize, several: bool) -> Vec<Block> {
    let mut blocks = vec![
        link(Look::Menu, "home", "Home", Place::Home(instance)),
        link(Look::Menu, "tools", "Tools", Place::Tools(instance)),
        link(Look::Menu, "datasync", "Data Sync", Place::DataSync(instance)),
        link(Look::Menu, "integration", "Integration", Place::Integration(instance, Tab::General)),
    ];
    if several {
        blocks.push(link(Look::Menu, "switch", "Switch instance", Place::Instances));
    }
    blocks.push(link(Look::Menu, "logout", "Log out", Place::LogOut));
    blocks
}

fn inside(instance: &Instance, number: usize, place: Place) -> Option<(&'static str, Vec<Block>)> {
    let connector = |position: usize| instance.connectors.get(position);
    Some(match place {
        Place::Home(_) => ("Home", vec![heading(&instance.name), note("Welcome to GatorMail.")]),
        Place::Tools(_) => ("Tools", vec![heading("Tools"), note("Choose a tool from the menu.")]),
        Place::DataSync(_) => (
            "Data Sync",
            vec![
                heading("Data Sync"),
                note("Keeps your lists in step with your CRM."),
                link(Look::Press, "connectors", "View Connectors", Place::Connectors(number)),
            ],
        ),
        Place::Connectors(_) => ("Connectors", list_connectors(instance, number)),
        Place::Connector(_, at) => ("Connector", show_connector(connector(at)?, number, at)),
        Place::ChangeState(_, at) => ("Change State", change_state(connector(at)?, number, at)),
        Place::DataSource(_, at) => {
            ("Data Source Properties", data_source(connector(at)?, number, at))
        }
        Place::Integration(_, tab) => ("Integration", integration(instance, number, tab)),
        Place::Login
        | Place::Code
        | Place::ConfirmAddress
        | Place::Start
        | Place::Instances
        | Place::LogOut => return None,
    })
}

fn list_connectors(instance: &Instance, number: usize) -> Vec<Block> {
    let mut blocks = vec![heading("Connectors")];
    blocks.extend(instance.connectors.iter().enumerate().map(|(at, connector)| {
        link(Look::Row, &format!("connector{at}"), &connector.name, Place::Connector(number, at))
    }));
    blocks
}

fn connector_tabs(number: usize, at: usize, on_properties: bool) -> Vec<Block> {
    let mut tabs = Vec::new();
    if on_properties {
        tabs.push(link(Look::Tab, "connector", "Connector", Place::Connector(number, at)));
    } else {
        let to = Place::DataSource(number, at);
        tabs.push(link(Look::Tab, "datasource", "Data Source Properties", to));
    }
    tabs.push(link(Look::Tab, "back", "All connectors", Place::Connectors(number)));
    tabs
}

fn show_connector(connector: &Connector, number: usize, at: usize) -> Vec<Block> {
    let mut blocks = vec![heading(&connector.name)];
    blocks.extend(connector_tabs(number, at, false));
    blocks.extend(login_error(connector.last).map(Block::Error));
    blocks.push(Block::State("State".to_owned(), connector.state.to_string()));
    let to = Place::ChangeState(number, at);
    blocks.push(link(Look::Press, "changestate", "Change State", to));
    blocks.push(link(Look::Press, "refresh", "Refresh", Place::Connector(number, at)));
    blocks
}

fn change_state(connector: &Connector, number: usize, at: usize) -> Vec<Block> {
    let status =
        Field::new("Status", "Status", Kind::Choice(State::CHOICES), connector.state.as_str());
    vec![
        heading(&connector.name),
        note("Choose the new status and confirm."),
        Block::Field(status),
        button("Confirm", "Change State"),
        link(Look::Press, "cancel", "Cancel", Place::Connector(number, at)),
    ]
}

fn data_source(connector: &Connector, number: usize, at: usize) -> Vec<Block> {
    let mut blocks = vec![heading(&connector.name)];
    blocks.extend(connector_tabs(number, at, true));
    blocks.extend(connector.data_source.fields.iter().cloned().map(Block::Field));
    blocks.push(button("Save", "Save"));
    blocks
}

fn integration(instance: &Instance, number: usize, tab: Tab) -> Vec<Block> {
    let mut blocks = vec![heading("Integration")];
    blocks.extend(Tab::ALL.into_iter().map(|tab| {
        let key = format!("tab{}", Place::Integration(number, tab).name());
        link(Look::Tab, &key, tab.title(), Place::Integration(number, tab))
    }));
    match tab {
        Tab::General => {
            let running = instance.last.is_usable();
            blocks.push(Block::Tick("Integration running".to_owned(), running));
            blocks.push(Block::Tick("Field Mapping Updates".to_owned(), true));
            blocks.extend(instance.other_error.clone().map(Block::Error));
            blocks.extend(login_error(instance.last).map(Block::Error));
        }
        Tab::Security => {
            blocks.push(heading("Salesforce credentials"));
            blocks.extend(instance.security.fields.iter().cloned().map(Block::Field));
            blocks.push(button("Save", "Save"));
            blocks.push(button("TestSdk", "Test SDK"));
        }
        Tab::QueueStatus => blocks.push(note("The queue is empty.")),
        Tab::Mappings => blocks.push(note("Your mappings are published.")),
    }
    blocks
}
