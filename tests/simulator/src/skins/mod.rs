//! Skins: what the console's pages look like on the wire, and how a request is read back.

mod html;
mod plain;
mod seal;
mod webforms;

use std::fmt;
use std::str::FromStr;

use crate::console::deed::Deed;
use crate::console::page::Page;
use crate::console::place::Place;
use crate::skins::seal::Seal;

/// What the pages look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Skin {
    /// Plain forms: an address per page, `<label for>`, ordinary links.
    #[default]
    Plain,
    /// ASP.NET WebForms: one form, one address, view state, postback links, tables as labels.
    WebForms,
}

impl Skin {
    /// Every skin, for suites that run over all of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::WebForms];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::WebForms => "webforms",
        }
    }

    /// `chunk` is the longest view state field, in characters, where there is a view state.
    pub(crate) fn dress(self, chunk: Option<usize>) -> Box<dyn Dress> {
        let seal = Seal::random();
        match self {
            Self::Plain => Box::new(plain::Plain { seal }),
            Self::WebForms => Box::new(webforms::WebForms { seal, chunk }),
        }
    }
}

/// No skin has this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSkin;

impl fmt::Display for UnknownSkin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the skins are plain and webforms")
    }
}

impl std::error::Error for UnknownSkin {}

impl FromStr for Skin {
    type Err = UnknownSkin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|skin| skin.as_str() == text).ok_or(UnknownSkin)
    }
}

/// A request as a skin reads it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) is_post: bool,
    pub(crate) path: String,
    /// The form's names and values in the order in which they came.
    pub(crate) form: Vec<(String, String)>,
    /// The session cookie's value, known or not; empty when there is none.
    pub(crate) session: String,
    /// The instance that the session looked at last.
    pub(crate) instance: Option<usize>,
}

impl Request {
    fn value(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why a request cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such page.
    NotFound,
    /// The view state is missing, changed, of another page or of another session.
    ViewState,
    /// A postback that the page that it came from does not offer.
    Postback,
    /// The anti-forgery token is missing or of another session.
    Forgery,
    /// No button of the form, or more than one.
    Buttons,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Forgery | Self::Buttons => 400,
            Self::ViewState | Self::Postback => 500,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "The resource cannot be found.",
            Self::ViewState => "Validation of viewstate MAC failed.",
            Self::Postback => "Invalid postback or callback argument.",
            Self::Forgery => "The required anti-forgery form field is not right.",
            Self::Buttons => "A form is submitted by exactly one of its buttons.",
        }
    }
}

/// Rebuilds the page that a request came from.
pub(crate) type Rebuild<'a> = dyn Fn(Place) -> Option<Page> + 'a;

/// One skin at work. Another skin is another implementation, and an entry in [`Skin`].
pub(crate) trait Dress: Send + Sync {
    /// What the request asks for.
    fn read(&self, request: &Request, rebuild: &Rebuild<'_>) -> Result<Deed, Refusal>;

    /// The page as HTML, for this session.
    fn show(&self, page: &Page, session: &str) -> String;

    /// Where a redirect to that page leads.
    fn address(&self, place: Place) -> String;

    /// Whether an address can be asked for without having logged in.
    fn is_public(&self, path: &str) -> bool;
}
