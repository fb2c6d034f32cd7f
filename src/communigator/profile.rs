//! The profile: what the console's pages show a person, as data that a tenant can override.

use scraper::Selector;
use serde::Deserialize;
use toml::{Table, Value};

use crate::communigator::text;

const BUILT_IN: &str = include_str!("profile.toml");

/// What is wrong with a profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is not TOML, has a key that no profile has, or lacks one.
    #[error("the console profile cannot be read")]
    Toml(#[from] toml::de::Error),
}

/// What is wrong with one label, selector or step of a profile.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// Neither a text, a list of texts, nor a table of `text` and `css`.
    #[error("a label is a text, a list of texts, or {{ text = \"..\", css = \"..\" }}")]
    Shape,
    /// No text, or an empty one.
    #[error("a label needs at least one text, and no text may be empty")]
    Empty,
    /// Not a CSS selector.
    #[error("`{0}` is not a CSS selector")]
    Selector(String),
}

/// The words of a console's pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Where credentials are typed.
    pub variant: Variant,
    /// The link or button that ends the session.
    pub logout: Label,
    /// Names of hidden fields that change with every page; `*` stands for any characters.
    pub volatile_fields: Vec<String>,
    /// The login page.
    pub login: LoginLabels,
    /// The page that asks for a second factor.
    pub second_factor: SecondFactorLabels,
    /// Pages that only a person can get past.
    pub stops: Stops,
    /// The order of the walk.
    pub walk: WalkLabels,
    /// A Data Sync connector's pages.
    pub connector: ConnectorLabels,
    /// The Integration page.
    pub integration: IntegrationLabels,
    /// How an error is recognised.
    pub errors: ErrorMarks,
}

/// Where credentials are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// On each surface, as in the vendor's runbook.
    Direct,
}

/// The login page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginLabels {
    /// The user name box.
    pub username: Label,
    /// The password box.
    pub password: Label,
    /// The button.
    pub submit: Label,
}

/// The page that asks for a second factor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorLabels {
    /// Texts that only this page shows.
    pub shown_by: Vec<String>,
    /// The box for the code.
    pub code: Label,
    /// The button.
    pub submit: Label,
}

/// Pages that only a person can get past.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stops {
    /// Texts of the page that wants the IP address confirmed.
    pub confirm_address: Vec<String>,
}

/// The order of the walk, from an instance's first page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkLabels {
    /// To the list of connectors.
    pub connectors: Vec<Leg>,
    /// To Integration's General tab.
    pub integration: Vec<Leg>,
    /// From there to the tab with the credentials.
    pub security: Vec<Leg>,
}

/// A Data Sync connector's pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorLabels {
    /// The text in front of the state.
    pub state: Label,
    /// The state in which it logs in.
    pub enabled: String,
    /// The state in which it does not.
    pub disabled: String,
    /// Opens the form that changes the state.
    pub open_change: Label,
    /// That form's drop-down.
    pub status: Label,
    /// That form's button.
    pub confirm_change: Label,
    /// Opens the form with the credentials.
    pub data_source: Label,
    /// That form.
    pub credentials: CredentialLabels,
}

/// The Integration page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationLabels {
    /// The text beside the tick.
    pub running: Label,
    /// Texts that count as the tick.
    pub tick_texts: Vec<String>,
    /// Elements that count as the tick.
    pub tick_css: Vec<Css>,
    /// The form on the Security tab.
    pub credentials: CredentialLabels,
}

/// A form that holds the Salesforce login.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialLabels {
    /// The user name box; a form may have none.
    pub username: Label,
    /// The password box.
    pub password: Label,
    /// The security token's box.
    pub security_token: Label,
    /// The button.
    pub save: Label,
}

impl CredentialLabels {
    fn labels(&self) -> [&Label; 4] {
        [&self.username, &self.password, &self.security_token, &self.save]
    }
}

/// How an error is recognised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorMarks {
    /// Elements that hold one.
    pub css: Vec<Css>,
    /// Parts of an error that is about the login to Salesforce.
    pub about_credentials: Vec<String>,
}

/// One or several texts for the same thing, and a CSS selector as the last resort.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct Label {
    texts: Vec<String>,
    css: Option<Css>,
}

impl Label {
    /// A label of one text: a name that the configuration gives, of a connector for instance.
    pub(super) fn of(text: &str) -> Self {
        Self { texts: vec![text.to_owned()], css: None }
    }

    /// Whether a text on the page is this label.
    pub(super) fn is(&self, shown: &str) -> bool {
        self.texts.iter().any(|text| text::same(text, shown))
    }

    /// The selector of last resort.
    pub(super) fn css(&self) -> Option<&Css> {
        self.css.as_ref()
    }

    /// How a message names it: its first text.
    pub(super) fn name(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }
}

impl TryFrom<Value> for Label {
    type Error = LabelError;

    fn try_from(value: Value) -> Result<Self, LabelError> {
        let (mut text, mut css) = (value, None);
        if let Value::Table(mut table) = text {
            css = table.remove("css");
            text = table.remove("text").ok_or(LabelError::Shape)?;
            if !table.is_empty() {
                return Err(LabelError::Shape);
            }
        }
        let texts = match text {
            Value::Array(texts) => texts.into_iter().map(one_text).collect::<Result<_, _>>()?,
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Table(_) => vec![one_text(text)?],
        };
        if texts.is_empty() || texts.iter().any(|text| text::key(text).is_empty()) {
            return Err(LabelError::Empty);
        }
        let css = match css {
            Some(Value::String(css)) => Some(Css::try_from(css)?),
            Some(_) => return Err(LabelError::Shape),
            None => None,
        };
        Ok(Self { texts: texts.iter().map(|text| text::fold(text)).collect(), css })
    }
}

fn one_text(value: Value) -> Result<String, LabelError> {
    let Value::String(text) = value else { return Err(LabelError::Shape) };
    Ok(text)
}

/// A CSS selector that parses.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Css {
    text: String,
    selector: Selector,
}

impl Css {
    /// The selector.
    pub(super) fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The selector as the profile writes it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Css {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        match Selector::parse(&text) {
            Ok(selector) => Ok(Self { text, selector }),
            Err(_) => Err(LabelError::Selector(text)),
        }
    }
}

/// One step of the walk.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct Leg {
    /// What is pressed.
    pub label: Label,
    /// Whether it only opens a menu, so that it is passed over where the next step is seen already.
    pub menu: bool,
}

impl TryFrom<Value> for Leg {
    type Error = LabelError;

    fn try_from(value: Value) -> Result<Self, LabelError> {
        let (mut label, mut menu) = (value, false);
        if let Value::Table(table) = &mut label
            && let Some(entry) = table.remove("menu")
        {
            if !table.is_empty() {
                return Err(LabelError::Shape);
            }
            (label, menu) = (entry, true);
        }
        Ok(Self { label: Label::try_from(label)?, menu })
    }
}

impl Profile {
    /// The runbook's own words.
    pub fn built_in() -> Self {
        #[expect(clippy::expect_used, reason = "the built-in profile is part of the program")]
        Self::with_overrides("").expect("the built-in profile is valid, as a test shows")
    }

    /// The selectors of last resort, of every label that has one.
    pub(super) fn last_resort(&self) -> impl Iterator<Item = &Css> {
        let login = [&self.login.username, &self.login.password, &self.login.submit];
        let factor = [&self.second_factor.code, &self.second_factor.submit];
        let connector = &self.connector;
        let change = [&connector.open_change, &connector.status, &connector.confirm_change];
        let rest =
            [&self.logout, &connector.state, &connector.data_source, &self.integration.running];
        let forms = [&connector.credentials, &self.integration.credentials];
        let legs = [&self.walk.connectors, &self.walk.integration, &self.walk.security];
        let labels = login.into_iter().chain(factor).chain(change).chain(rest);
        let fields = forms.into_iter().flat_map(CredentialLabels::labels);
        let legs = legs.into_iter().flatten().map(|leg| &leg.label);
        labels.chain(fields).chain(legs).filter_map(Label::css)
    }

    /// The built-in profile with a tenant's own keys over it. Tables are merged key by key;
    /// everything else is replaced. A table with `css` alone keeps the label's built-in texts.
    pub fn with_overrides(overrides: &str) -> Result<Self, ProfileError> {
        let mut profile: Table = toml::from_str(BUILT_IN)?;
        merge(&mut profile, toml::from_str(overrides)?);
        Ok(profile.try_into()?)
    }
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        let Value::Table(value) = value else {
            base.insert(key, value);
            continue;
        };
        if let Some(Value::Table(inner)) = base.get_mut(&key) {
            merge(inner, value);
            continue;
        }
        let mut merged = Table::new();
        if let Some(texts) = base.remove(&key) {
            merged.insert("text".to_owned(), texts);
        }
        merge(&mut merged, value);
        base.insert(key, Value::Table(merged));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(overrides: &str) -> String {
        let error = Profile::with_overrides(overrides).unwrap_err();
        let ProfileError::Toml(source) = error;
        source.to_string()
    }

    #[test]
    fn the_built_in_profile_says_the_runbooks_words() {
        let profile = Profile::built_in();
        assert!(profile.connector.data_source.is("Data Source Properties"));
        assert!(profile.walk.connectors[0].menu);
        assert!(profile.walk.connectors[2].label.is("view connectors"));
        assert_eq!(profile.variant, Variant::Direct);
    }

    #[test]
    fn a_tenant_overrides_one_label_and_keeps_the_rest() {
        let profile = Profile::with_overrides("[connector.credentials]\nsave = 'Update'").unwrap();
        assert!(profile.connector.credentials.save.is("Update"));
        assert!(!profile.connector.credentials.save.is("Save"));
        assert!(profile.connector.credentials.password.is("Password"));
        assert!(profile.integration.credentials.save.is("Save"));
    }

    #[test]
    fn a_selector_alone_keeps_the_built_in_texts() {
        let profile = Profile::with_overrides("[login]\nsubmit = { css = '#go' }").unwrap();
        assert!(profile.login.submit.is("Sign in"));
        assert!(profile.login.submit.css().is_some());
    }

    #[test]
    fn a_key_that_no_profile_has_is_an_error_that_names_it() {
        assert!(refusal("[login]\nuser = 'x'").contains("user"));
        assert!(refusal("logn = 'x'").contains("logn"));
        assert!(refusal("logout = { texts = 'x' }").contains("a label is a text"));
        assert!(refusal("variant = 'sideways'").contains("sideways"));
    }

    #[test]
    fn an_empty_label_and_a_wrong_selector_are_errors() {
        assert!(refusal("logout = ' : '").contains("at least one text"));
        assert!(refusal("logout = []").contains("at least one text"));
        assert!(refusal("logout = { css = 'a[' }").contains("`a[`"));
        assert!(refusal("[errors]\ncss = ['>>']").contains("`>>`"));
    }
}
