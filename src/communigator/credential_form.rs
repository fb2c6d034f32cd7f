//! The form that holds a Salesforce login: filling in its credential fields and nothing else, and
//! comparing the rest of it before and after.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::communigator::control::{Control, Kind};
use crate::communigator::form::Entries;
use crate::communigator::page::Page;
use crate::communigator::profile::{CredentialLabels, Label};
use crate::communigator::text;
use crate::ports::console::{SalesforceCredential, Trouble};

/// Where a page has the credential fields and the button: indices into its controls and actions.
pub(super) struct CredentialForm {
    /// The form, an index into the page's.
    pub form: usize,
    /// The user name box; a form may have none.
    pub username: Option<usize>,
    /// The password box.
    pub password: usize,
    /// The security token's box, where the login has a token.
    pub token: Option<usize>,
    /// The button.
    pub save: usize,
}

impl CredentialForm {
    /// Finds the fields. The token's box is looked for only where there is a token to write.
    pub(super) fn find(
        page: &Page,
        labels: &CredentialLabels,
        needs_token: bool,
    ) -> Result<Self, Trouble> {
        let password = page.field(&labels.password, None)?;
        let form = page.controls.get(password).and_then(|control| control.form);
        let form = form.ok_or_else(|| page.changed("form around the password", 0, []))?;
        let has_username = !page.fields(&labels.username, Some(form)).is_empty();
        let find = |label: &Label| page.field(label, Some(form));
        Ok(Self {
            form,
            username: if has_username { Some(find(&labels.username)?) } else { None },
            password,
            token: if needs_token { Some(find(&labels.security_token)?) } else { None },
            save: page.pressable(&labels.save, Some(form))?,
        })
    }

    /// What to type. Password boxes come blank, and a blank one may mean "cleared": whatever the
    /// credential has is always typed.
    pub(super) fn entries<'a>(
        &self,
        page: &Page,
        credential: &'a SalesforceCredential,
    ) -> Result<Entries<'a>, Trouble> {
        let mut typed = vec![(self.password, credential.secret.password.expose())];
        typed.extend(self.username.map(|field| (field, credential.username.as_str())));
        let token = self.token.zip(credential.secret.security_token.as_ref());
        typed.extend(token.map(|(field, token)| (field, token.expose())));
        for (field, text) in &typed {
            let Some(control) = page.controls.get(*field) else { continue };
            let length = text.encode_utf16().count();
            if !control.takes_text() {
                let what = format!("field \"{}\" that can be typed into", control.title());
                return Err(page.changed(&what, 0, [control.title().to_owned()]));
            }
            if control.max_length.is_some_and(|max| length > max) {
                let what = format!("field \"{}\" that is long enough", control.title());
                return Err(page.changed(&what, 0, [control.title().to_owned()]));
            }
        }
        Ok(Entries { typed, chosen: None })
    }

    fn touches(&self, field: usize) -> bool {
        field == self.password || self.token == Some(field) || self.username == Some(field)
    }

    /// Every other field of the form, by name, with its values in order.
    fn others<'p>(&self, page: &'p Page, volatile: &[String]) -> BTreeMap<&'p str, Other<'p>> {
        let mut others: BTreeMap<&str, Other<'_>> = BTreeMap::new();
        for (at, control) in page.controls.iter().enumerate() {
            let skip = control.form != Some(self.form)
                || self.touches(at)
                || control.name.is_empty()
                || matches!(control.kind, Kind::Submit { .. } | Kind::Inert)
                || is_volatile(control, volatile);
            if skip {
                continue;
            }
            let other = others.entry(&control.name).or_insert_with(|| Other::of(control));
            other.values.extend(control.submitted().into_iter().map(lines));
        }
        others
    }
}

struct Other<'p> {
    title: &'p str,
    values: Vec<Zeroizing<String>>,
}

impl<'p> Other<'p> {
    fn of(control: &'p Control) -> Self {
        Self { title: control.title(), values: Vec::new() }
    }
}

/// A value with its line ends made one kind: which kind a page has is not up to the form.
fn lines(value: &str) -> Zeroizing<String> {
    Zeroizing::new(value.replace("\r\n", "\n").replace('\r', "\n"))
}

fn is_volatile(control: &Control, patterns: &[String]) -> bool {
    let hidden = matches!(control.kind, Kind::Hidden(_));
    hidden && patterns.iter().any(|pattern| matches_wildcard(pattern, &control.name))
}

fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((end, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or("");
    }
    rest.ends_with(end)
}

/// Compares a form before and after saving: every field that was not to be touched has to be what
/// it was, and the user name has to be the one that was typed.
pub(super) fn compare(
    before: (&Page, &CredentialForm),
    after: (&Page, &CredentialForm),
    credential: &SalesforceCredential,
    volatile: &[String],
) -> Result<(), Trouble> {
    let not_kept =
        |field: &str| Trouble::NotKept { page: after.0.name().to_owned(), field: field.to_owned() };
    let kept = after.1.others(after.0, volatile);
    for (name, other) in before.1.others(before.0, volatile) {
        if kept.get(name).is_none_or(|kept| kept.values != other.values) {
            return Err(not_kept(other.title));
        }
    }
    let username = after.1.username.and_then(|field| after.0.controls.get(field));
    if let Some(control) = username
        && !control.submitted().iter().any(|is| text::same(is, credential.username.as_str()))
    {
        return Err(not_kept(control.title()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches_wildcard("__*", "__VIEWSTATE1"));
        assert!(matches_wildcard("*csrf*", "my_CSRF_field"));
        assert!(matches_wildcard("_token", "_token"));
        assert!(matches_wildcard("a*b*c", "a1b2c"));
        assert!(!matches_wildcard("_token", "_token2"));
        assert!(!matches_wildcard("__*", "_VIEWSTATE"));
        assert!(!matches_wildcard("a*b*c", "a1c2b"));
    }
}
