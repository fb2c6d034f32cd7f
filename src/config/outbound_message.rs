//! The part of a source that describes Salesforce's outbound messages.

use std::sync::Arc;

use toml::Value;

use crate::config::reader::{Reader, parsed, texts};
use crate::config::source::SourceFormat;
use crate::domain::event::ResetKind;
use crate::domain::ids::OrganizationId;
use crate::domain::outbound_object::{ApiName, KindField, OutboundObject};

pub(in crate::config) fn format(section: &mut Reader<'_>) -> Option<SourceFormat> {
    let organizations = section.optional("organization_ids", |value| {
        let ids: Vec<OrganizationId> = texts(value)?
            .iter()
            .map(|id| OrganizationId::parse(id).map_err(|e| e.to_string()))
            .collect::<Result<_, _>>()?;
        if ids.is_empty() { Err("must name at least one".to_owned()) } else { Ok(ids) }
    });
    let object = section.table("message", object)?;
    Some(SourceFormat::OutboundMessage { object: Arc::new(object), organizations })
}

fn object(section: &mut Reader<'_>) -> Option<OutboundObject> {
    let object = section.required("object", parsed(ApiName::parse));
    let user_id = section.optional("user_id_field", parsed(ApiName::parse));
    let username = section.optional("username_field", parsed(ApiName::parse));
    let occurred_at = section.required("occurred_at_field", parsed(ApiName::parse));
    if !section.has("user_id_field") && !section.has("username_field") {
        section.fault("user_id_field", "this or username_field is needed, or both");
    }
    let field = section.optional("kind_field", parsed(ApiName::parse));
    let before = section.faults_so_far();
    let password_reset = section.optional("password_reset_values", texts);
    let token_reset = section.optional("token_reset_values", texts);
    let values_are_read = section.faults_so_far() == before;
    let kind_otherwise = section.optional("kind", kind);
    let has_values = password_reset.is_some() || token_reset.is_some();
    if has_values && !section.has("kind_field") {
        section.fault("kind_field", "is missing: whose values are these?");
    }
    let kind = field.map(|field| KindField {
        field,
        password_reset: password_reset.unwrap_or_default(),
        token_reset: token_reset.unwrap_or_default(),
    });
    if let Some(kind) = kind.as_ref().filter(|_| values_are_read) {
        check_values(section, kind);
    }
    // A message whose object has no word for it tells of a change of the password, unless it says
    // otherwise; where there is a field, a value that is not known tells of nothing.
    let default = kind.is_none().then_some(ResetKind::PasswordReset);
    Some(OutboundObject {
        object: object?,
        user_id,
        username,
        occurred_at: occurred_at?,
        kind,
        kind_otherwise: kind_otherwise.or(default),
    })
}

fn check_values(section: &Reader<'_>, kind: &KindField) {
    if kind.password_reset.is_empty() && kind.token_reset.is_empty() {
        let problem = "has no values: say password_reset_values or token_reset_values";
        section.fault("kind_field", problem);
    }
    for value in kind.password_reset.iter().filter(|value| kind.token_reset.contains(value)) {
        section.fault("token_reset_values", format!("`{value}` stands for both resets"));
    }
}

fn kind(value: &Value) -> Result<ResetKind, String> {
    match value.as_str() {
        Some("password_reset") => Ok(ResetKind::PasswordReset),
        Some("token_reset") => Ok(ResetKind::TokenReset),
        _ => Err("must be \"password_reset\" or \"token_reset\"".to_owned()),
    }
}
