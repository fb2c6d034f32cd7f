//! What a request asks for, and what comes of it.

use crate::clock;
use crate::console::Console;
use crate::console::form::Submitted;
use crate::console::page::{Block, Page};
use crate::console::place::{Place, Tab};
use crate::console::second_factor;
use crate::console::surface::State;
use crate::log::Change;

/// What a request asks for, whatever the skin it came through.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Show a page.
    Visit(Place),
    /// Press a button of a page's form.
    Submit { place: Place, button: String, fields: Submitted },
}

/// What to answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// This page.
    Page(Page),
    /// Go there.
    Redirect(Place),
    /// There is no such page.
    NotFound,
}

/// An answer and what was changed on the way to it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) changes: Vec<Change>,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { answer, changes: Vec::new() }
    }
}

impl Deed {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Visit(place) | Self::Submit { place, .. } => *place,
        }
    }

    /// The request's name for the log and for faults.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Visit(place) => format!("GET {}", place.name()),
            Self::Submit { button, .. } if button == "TestSdk" => "POST test-sdk".to_owned(),
            Self::Submit { place, .. } => format!("POST {}", place.name()),
        }
    }
}

impl Console {
    /// Does it. `session` is the cookie's value of a session that is known.
    pub(crate) fn perform(&mut self, deed: &Deed, session: &str) -> Outcome {
        let logged_in = self.sessions.get(session).is_some_and(|session| session.logged_in);
        if !logged_in && !deed.place().is_public() {
            return Answer::Redirect(Place::Login).into();
        }
        match deed {
            Deed::Visit(place) => self.visit(*place, session).into(),
            Deed::Submit { place, button, fields } => match *place {
                Place::Login => self.log_in(fields, session).into(),
                Place::Code => self.check_code(fields, session).into(),
                Place::ChangeState(instance, at) => {
                    self.change_state(instance, at, fields, session)
                }
                Place::DataSource(instance, at) => {
                    self.save_data_source(instance, at, fields, session)
                }
                Place::Integration(instance, Tab::Security) => {
                    self.submit_security(instance, button, fields, session)
                }
                Place::ConfirmAddress
                | Place::Start
                | Place::Instances
                | Place::Home(_)
                | Place::Tools(_)
                | Place::DataSync(_)
                | Place::Connectors(_)
                | Place::Connector(..)
                | Place::Integration(..)
                | Place::LogOut => Answer::NotFound.into(),
            },
        }
    }

    fn visit(&mut self, place: Place, session: &str) -> Answer {
        match place {
            Place::LogOut => {
                self.sessions.end(session);
                return Answer::Redirect(Place::Login);
            }
            Place::Start => {
                let place = self.start(self.sessions.get(session));
                return self.visit(place, session);
            }
            Place::Code if self.sessions.get(session).is_none_or(|one| one.user.is_none()) => {
                return Answer::Redirect(Place::Login);
            }
            Place::Login
            | Place::Code
            | Place::ConfirmAddress
            | Place::Instances
            | Place::Home(_)
            | Place::Tools(_)
            | Place::DataSync(_)
            | Place::Connectors(_)
            | Place::Connector(..)
            | Place::ChangeState(..)
            | Place::DataSource(..)
            | Place::Integration(..) => {}
        }
        let page = self.page(place, self.sessions.get(session));
        if page.is_some()
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.instance = place.instance();
        }
        page.map_or(Answer::NotFound, Answer::Page)
    }

    /// The page of a place with one more line under its headings and tabs.
    fn page_with(&mut self, place: Place, session: &str, line: Block) -> Answer {
        match self.visit(place, session) {
            Answer::Page(mut page) => {
                let after = page.blocks.iter().take_while(|block| {
                    matches!(block, Block::Heading(_) | Block::Link(_) | Block::Note(_))
                });
                let position = after.count();
                page.blocks.insert(position, line);
                Answer::Page(page)
            }
            other @ (Answer::Redirect(_) | Answer::NotFound) => other,
        }
    }

    fn log_in(&mut self, fields: &Submitted, session: &str) -> Answer {
        let typed = |key: &str| fields.get(key).map_or("", String::as_str);
        let found = self.users.iter().position(|user| {
            user.email.eq_ignore_ascii_case(typed("Email")) && user.password == typed("Password")
        });
        let user = found.and_then(|number| self.users.get(number));
        let Some(user) = user else {
            self.refused += 1;
            let line = Block::Error("Your e-mail address or password is not right.".to_owned());
            return self.page_with(Place::Login, session, line);
        };
        if user.confirm_ip {
            return self.visit(Place::ConfirmAddress, session);
        }
        let needs_code = user.totp.is_some();
        let Some(open) = self.sessions.get_mut(session) else { return Answer::NotFound };
        open.user = found;
        open.logged_in = !needs_code;
        if needs_code {
            return Answer::Redirect(Place::Code);
        }
        self.logins += 1;
        Answer::Redirect(Place::Start)
    }

    fn check_code(&mut self, fields: &Submitted, session: &str) -> Answer {
        let user = self.sessions.get(session).and_then(|open| self.users.get(open.user?));
        let Some(secret) = user.and_then(|user| user.totp.as_deref()) else {
            return Answer::Redirect(Place::Login);
        };
        let now = clock::unix_seconds();
        let code = fields.get("Code").map_or("", String::as_str);
        if !second_factor::accepts(secret, code.trim(), now) {
            self.refused += 1;
            let line = Block::Error("The code is not right.".to_owned());
            return self.page_with(Place::Code, session, line);
        }
        self.logins += 1;
        if let Some(open) = self.sessions.get_mut(session) {
            open.logged_in = true;
        }
        Answer::Redirect(Place::Start)
    }

    fn change_state(
        &mut self,
        instance: usize,
        at: usize,
        fields: &Submitted,
        session: &str,
    ) -> Outcome {
        let place = Place::ChangeState(instance, at);
        if self.page(place, self.sessions.get(session)).is_none() {
            return Answer::NotFound.into();
        }
        let Some(owner) = self.instances.get_mut(instance) else {
            return Answer::NotFound.into();
        };
        let Some(connector) = owner.connectors.get_mut(at) else {
            return Answer::NotFound.into();
        };
        let Some(to) = fields.get("Status").and_then(|word| State::from_word(word)) else {
            let line = Block::Error("Choose a status.".to_owned());
            return self.page_with(place, session, line).into();
        };
        connector.state = to;
        let change =
            Change::State { instance: owner.name.clone(), connector: connector.name.clone(), to };
        let answer = self.visit(Place::Connector(instance, at), session);
        Outcome { answer, changes: vec![change] }
    }

    fn save_data_source(
        &mut self,
        instance: usize,
        at: usize,
        fields: &Submitted,
        session: &str,
    ) -> Outcome {
        let place = Place::DataSource(instance, at);
        if self.page(place, self.sessions.get(session)).is_none() {
            return Answer::NotFound.into();
        }
        let Some(owner) = self.instances.get_mut(instance) else {
            return Answer::NotFound.into();
        };
        let Some(connector) = owner.connectors.get_mut(at) else {
            return Answer::NotFound.into();
        };
        if connector.state != State::Disabled {
            let text = "The connector has to be disabled before it can be changed.";
            return self.page_with(place, session, Block::Error(text.to_owned())).into();
        }
        match connector.data_source.save(fields) {
            Ok(fields) => {
                let change = Change::DataSource {
                    instance: owner.name.clone(),
                    connector: connector.name.clone(),
                    fields,
                };
                let line = Block::Note("Your changes have been saved.".to_owned());
                let answer = self.page_with(place, session, line);
                Outcome { answer, changes: vec![change] }
            }
            Err(label) => {
                let line = Block::Error(format!("{label}: choose one of the list."));
                self.page_with(place, session, line).into()
            }
        }
    }

    fn submit_security(
        &mut self,
        instance: usize,
        button: &str,
        fields: &Submitted,
        session: &str,
    ) -> Outcome {
        let place = Place::Integration(instance, Tab::Security);
        if self.page(place, self.sessions.get(session)).is_none() {
            return Answer::NotFound.into();
        }
        let Some(owner) = self.instances.get_mut(instance) else {
            return Answer::NotFound.into();
        };
        let name = owner.name.clone();
        if button == "TestSdk" {
            let line = Block::Note("The SDK answered.".to_owned());
            let answer = self.page_with(place, session, line);
            return Outcome { answer, changes: vec![Change::SdkTested { instance: name }] };
        }
        match owner.security.save(fields) {
            Ok(fields) => {
                let line = Block::Note("Your changes have been saved.".to_owned());
                let answer = self.page_with(place, session, line);
                Outcome { answer, changes: vec![Change::Security { instance: name, fields }] }
            }
            Err(label) => {
                let line = Block::Error(format!("{label}: choose one of the list."));
                self.page_with(place, session, line).into()
            }
        }
    }
}
