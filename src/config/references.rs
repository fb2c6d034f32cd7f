//! What one section says of another.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::config::Console;
use crate::config::reader::{Faults, Named};
use crate::config::sections::{HooksSection, OperatorSection};
use crate::config::source::{Source, SourceFormat};
use crate::domain::ids::{OrganizationId, TargetName};
use crate::domain::target::Target;

/// What one section says of another must be there, and no login may belong to two targets.
pub(in crate::config) fn check(
    consoles: &Named<Console>,
    targets: &Named<Target>,
    sources: &[Source],
    faults: &Faults,
) {
    let mut logins: BTreeMap<(&str, &str), &TargetName> = BTreeMap::new();
    let mut secrets: BTreeMap<(&str, &str), &TargetName> = BTreeMap::new();
    for target in &targets.values {
        let key = |key: &str| format!("targets.{}.{key}", target.name);
        let is_its = |console: &Console| console.name == target.account;
        if !consoles.may_have(target.account.as_str(), is_its) {
            faults.add(&key("console"), format!("there is no [consoles.{}]", target.account));
        }
        let login = (target.organization.significant(), target.username.as_str());
        if let Some(other) = logins.insert(login, &target.name) {
            faults.add(&key("username"), format!("the same login is the target {other} already"));
            continue;
        }
        // News of a secret is news of one login.
        let secret = (target.secret.mount.as_str(), target.secret.path.as_str());
        if let Some(other) = secrets.insert(secret, &target.name) {
            faults.add(&key("secret"), format!("the same secret is the target {other}'s already"));
        }
    }
    for source in sources {
        let is_message = matches!(source.format, SourceFormat::OutboundMessage { .. });
        let is_own = |name: &String| match &source.targets {
            Some(own) => own.iter().any(|own| own.as_str() == name),
            None => true,
        };
        let is_clear = !targets.faulty.iter().any(is_own);
        if is_message && is_clear && organizations(source, &targets.values).is_empty() {
            let key = format!("sources.{}.organization_ids", source.name);
            faults
                .add(&key, "is missing, and there is no target whose organisation could be meant");
        }
        for name in source.targets.iter().flatten() {
            if !targets.may_have(name.as_str(), |target| target.name == *name) {
                let key = format!("sources.{}.targets", source.name);
                faults.add(&key, format!("there is no [targets.{name}]"));
            }
        }
    }
}

/// Two listeners of one process have two ports, unless each takes a free one.
pub(in crate::config) fn check_listeners(
    hooks: &HooksSection,
    operator: &OperatorSection,
    faults: &Faults,
) {
    let (public, private) = (hooks.listen, operator.listen);
    let is_whole = |address: SocketAddr| address.ip().is_unspecified();
    let is_one_host = public.ip() == private.ip()
        || public.is_ipv4() == private.is_ipv4() && (is_whole(public) || is_whole(private));
    if public.port() != 0 && public.port() == private.port() && is_one_host {
        let problem = format!("{private} is taken: hooks.listen is {public}");
        faults.add("operator.listen", problem);
    }
}

/// The organisations that a source may speak for.
pub(in crate::config) fn organizations(source: &Source, targets: &[Target]) -> Vec<OrganizationId> {
    if let SourceFormat::OutboundMessage { organizations: Some(named), .. } = &source.format {
        return named.clone();
    }
    let is_own =
        |target: &&Target| source.targets.as_ref().is_none_or(|own| own.contains(&target.name));
    targets.iter().filter(is_own).map(|target| target.organization.clone()).collect()
}
