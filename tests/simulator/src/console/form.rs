//! A form's fields as the console keeps them, and what a save does to them.

use std::collections::BTreeMap;

use crate::credential::Credential;

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A line of text.
    Text,
    /// A text box that is rendered empty, whatever is kept (ASP.NET `TextMode=Password`).
    Blank,
    /// A password box that carries its value back.
    Echoed,
    /// A tick; the value is `on` or empty.
    Tick,
    /// Several lines of text.
    Lines,
    /// One of these.
    Choice(&'static [&'static str]),
}

/// One labelled field.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name, unique in the form.
    pub(crate) key: &'static str,
    /// What a person sees.
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) value: String,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Field")
            .field("key", &self.key)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl Field {
    pub(crate) fn new(key: &'static str, label: &str, kind: Kind, value: &str) -> Self {
        Self { key, label: label.to_owned(), kind, value: value.to_owned() }
    }
}

/// What a browser submits: names and values.
pub(crate) type Submitted = BTreeMap<String, String>;

/// A form with what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) fields: Vec<Field>,
}

/// The keys of the credential fields in every form that has them.
const USERNAME: &str = "Username";
const PASSWORD: &str = "Password";
const TOKEN: &str = "SecurityToken";

const API_VERSIONS: &[&str] = &["52.0", "58.0", "64.0"];

impl Form {
    /// A connector's Data Source Properties.
    pub(crate) fn data_source(held: &Credential, connector: &str) -> Self {
        let fields = vec![
            Field::new("Description", "Description", Kind::Text, &format!("{connector} <CRM>")),
            Field::new(USERNAME, "Username", Kind::Text, &held.username),
            Field::new(PASSWORD, "Password", Kind::Blank, &held.password),
            Field::new(TOKEN, "Security Token", Kind::Blank, &held.token),
            Field::new("ClientId", "Client ID", Kind::Text, "3MVG9.made.up_client+id"),
            Field::new("ClientSecret", "Client Secret", Kind::Echoed, "made-up & \"secret\" 100%"),
            Field::new(
                "LoginUrl",
                "Login URL",
                Kind::Text,
                "https://login.salesforce.com/?a=1&b=2",
            ),
            Field::new("Compress", "Compress traffic", Kind::Tick, "on"),
            Field::new("Sandbox", "Sandbox", Kind::Tick, ""),
            Field::new("ApiVersion", "API version", Kind::Choice(API_VERSIONS), "58.0"),
        ];
        Self { fields }
    }

    /// The Security tab of Integration. That it also holds the SDK user, the SDK password, the LZ
    /// name and SDK IP authentication is documented (README of CommuniGator/GatorMail-API-Samples).
    pub(crate) fn security(held: &Credential, instance: &str) -> Self {
        let zone: String = instance.chars().filter(char::is_ascii_alphanumeric).collect();
        let fields = vec![
            Field::new(USERNAME, "Username", Kind::Text, &held.username),
            Field::new(PASSWORD, "Password", Kind::Blank, &held.password),
            Field::new(TOKEN, "Security Token", Kind::Blank, &held.token),
            Field::new("LandingZone", "LZ name", Kind::Text, &format!("{zone}LZ")),
            Field::new("SdkUser", "SDK user", Kind::Text, "sdk.user"),
            Field::new("SdkPassword", "SDK password", Kind::Echoed, "  sdk <pass> 'wörd'  "),
            Field::new("SdkIp", "SDK IP authentication", Kind::Tick, "on"),
            // A browser sends line ends as CR LF, whatever the page had (HTML, form submission).
            Field::new("SdkIps", "Allowed IPs", Kind::Lines, "192.0.2.10\r\n198.51.100.0/24"),
        ];
        Self { fields }
    }

    fn value(&self, key: &str) -> &str {
        self.fields.iter().find(|field| field.key == key).map_or("", |field| &field.value)
    }

    /// What the form would log in with.
    pub(crate) fn credential(&self) -> Credential {
        Credential::new(self.value(USERNAME), self.value(PASSWORD), self.value(TOKEN))
    }

    /// Every field that is no part of the credential, by label.
    pub(crate) fn others(&self) -> BTreeMap<String, String> {
        self.fields
            .iter()
            .filter(|field| ![USERNAME, PASSWORD, TOKEN].contains(&field.key))
            .map(|field| (field.label.clone(), field.value.clone()))
            .collect()
    }

    /// Takes what was submitted, and nothing else: a field that is blank or was not sent is
    /// cleared, secret or not. This is the harsher of the two readings; which one the real console
    /// follows is not published. Returns the labels of what changed, or the label of a choice that
    /// does not exist.
    pub(crate) fn save(&mut self, submitted: &Submitted) -> Result<Vec<String>, String> {
        let value = |field: &Field| submitted.get(field.key).cloned().unwrap_or_default();
        for field in &self.fields {
            if let Kind::Choice(choices) = field.kind
                && !choices.contains(&value(field).as_str())
            {
                return Err(field.label.clone());
            }
        }
        let mut changed = Vec::new();
        for field in &mut self.fields {
            let new = match field.kind {
                Kind::Tick if submitted.contains_key(field.key) => "on".to_owned(),
                Kind::Tick => String::new(),
                Kind::Text | Kind::Blank | Kind::Echoed | Kind::Lines | Kind::Choice(_) => {
                    value(field)
                }
            };
            if new != field.value {
                changed.push(field.label.clone());
                field.value = new;
            }
        }
        Ok(changed)
    }
}
