//! A page before it is dressed in a skin: what a person reads, can follow and can fill in.

use crate::console::form::Field;
use crate::console::place::Place;

/// What a link looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// An entry of the menu.
    Menu,
    /// A row of a list.
    Row,
    /// A tab.
    Tab,
    /// Something to press on the page.
    Press,
}

/// Something that leads to another page and changes nothing.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) to: Place,
    pub(crate) look: Look,
    /// Unique on the page.
    pub(crate) key: String,
}

/// Something that submits the page's form.
#[derive(Debug, Clone)]
pub(crate) struct Button {
    pub(crate) text: String,
    /// Unique on the page.
    pub(crate) key: String,
}

/// One thing on a page, from top to bottom.
#[derive(Debug, Clone)]
pub(crate) enum Block {
    Heading(String),
    Note(String),
    /// A red error.
    Error(String),
    /// A connector's state: its label and its value.
    State(String, String),
    /// A green tick or a red cross beside a label.
    Tick(String, bool),
    Link(Link),
    Field(Field),
    Button(Button),
}

/// A page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) place: Place,
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

impl Block {
    fn label(&mut self) -> Option<&mut String> {
        match self {
            Self::Heading(_) | Self::Note(_) | Self::Error(_) => None,
            Self::State(label, _) | Self::Tick(label, _) => Some(label),
            Self::Link(link) => Some(&mut link.text),
            Self::Field(field) => Some(&mut field.label),
            Self::Button(button) => Some(&mut button.text),
        }
    }

    fn is_labelled(&mut self, label: &str) -> bool {
        self.label().is_some_and(|text| text.eq_ignore_ascii_case(label))
    }

    /// The same again under another key, as if a second one had appeared on the page.
    fn twin(&self) -> Self {
        let mut twin = self.clone();
        match &mut twin {
            Self::Link(link) => link.key.push_str("Twin"),
            Self::Button(button) => button.key.push_str("Twin"),
            Self::Field(field) => field.key = "Twin",
            Self::Heading(_)
            | Self::Note(_)
            | Self::Error(_)
            | Self::State(..)
            | Self::Tick(..) => {}
        }
        twin
    }
}

impl Page {
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Link(link) => Some(link),
            Block::Heading(_)
            | Block::Note(_)
            | Block::Error(_)
            | Block::State(..)
            | Block::Tick(..)
            | Block::Field(_)
            | Block::Button(_) => None,
        })
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Field(field) => Some(field),
            Block::Heading(_)
            | Block::Note(_)
            | Block::Error(_)
            | Block::State(..)
            | Block::Tick(..)
            | Block::Link(_)
            | Block::Button(_) => None,
        })
    }

    pub(crate) fn buttons(&self) -> impl Iterator<Item = &Button> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Button(button) => Some(button),
            Block::Heading(_)
            | Block::Note(_)
            | Block::Error(_)
            | Block::State(..)
            | Block::Tick(..)
            | Block::Link(_)
            | Block::Field(_) => None,
        })
    }

    /// Gives everything of that label another one.
    pub(crate) fn lose_label(&mut self, label: &str) {
        for block in &mut self.blocks {
            if block.is_labelled(label)
                && let Some(text) = block.label()
            {
                "Something else".clone_into(text);
            }
        }
    }

    /// Puts a second one of everything of that label beside the first.
    pub(crate) fn double_label(&mut self, label: &str) {
        let mut doubled = Vec::with_capacity(self.blocks.len() + 1);
        for mut block in std::mem::take(&mut self.blocks) {
            let twin = block.is_labelled(label).then(|| block.twin());
            doubled.push(block);
            doubled.extend(twin);
        }
        self.blocks = doubled;
    }
}
