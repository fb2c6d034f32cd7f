//! `doctor`: a read-only look at everything that a rotation needs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::config::Config;
use crate::domain::fault::error_line;
use crate::domain::ids::{AccountName, TargetName};
use crate::domain::proof::Prove;
use crate::domain::target::{Surface, Target};
use crate::hooks::tls::{Certificates, TlsFiles};
use crate::hooks::validity::Standing;
use crate::ports::console::{
    Always, ConsoleError, ConsoleSession, Examination, LabelFinding, Permit, Trouble,
};
use crate::ports::secret_store::{SecretStore, Stored};
use crate::startup::Plant;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What was looked at.
    pub about: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen, and where it is not well, what to do.
    pub says: String,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A rotation would find it as it should be.
    Well,
    /// Worth knowing; a rotation is not stopped by it.
    Note,
    /// A rotation would stop.
    Problem,
}

impl Diagnosis {
    /// Whether a rotation would go on.
    pub fn is_well(&self) -> bool {
        self.verdict != Verdict::Problem
    }

    fn new(about: impl Into<String>, verdict: Verdict, says: impl Into<String>) -> Self {
        Self { about: about.into(), verdict, says: says.into() }
    }

    fn of<E: std::error::Error>(about: &str, result: Result<String, E>) -> Self {
        match result {
            Ok(says) => Self::new(about, Verdict::Well, says),
            Err(error) => Self::new(about, Verdict::Problem, error_line(&error)),
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Well => "well   ",
            Verdict::Note => "note   ",
            Verdict::Problem => "PROBLEM",
        };
        write!(f, "{verdict}  {}: {}", self.about, self.says)
    }
}

/// Looks at the store, the certificate, Vault, and for each target at its secret, its console
/// login and every label on the way to its surfaces.
pub async fn examine(config: &Config, plant: &Plant, only: Option<&TargetName>) -> Vec<Diagnosis> {
    let mut findings = vec![
        Diagnosis::of(
            "store",
            plant.world.journal.probe().await.map(|()| "can be written".to_owned()),
        ),
        certificate(config, plant),
        vault(plant).await,
    ];
    let mut refused = BTreeSet::new();
    for target in plant.targets.iter().filter(|t| only.is_none_or(|only| *only == t.name)) {
        findings.push(secret(plant, target).await);
        findings.extend(salesforce(plant, target).await);
        console(plant, target, &mut refused, &mut findings).await;
    }
    findings
}

fn certificate(config: &Config, plant: &Plant) -> Diagnosis {
    let about = "certificate";
    let files = TlsFiles {
        certificate: config.hooks.certificate_file.clone(),
        key: config.hooks.private_key_file.clone(),
    };
    let standing = match Certificates::load(files) {
        Ok(certificates) => certificates.validity().standing(plant.world.clock.now()),
        Err(error) => return Diagnosis::new(about, Verdict::Problem, error_line(&error)),
    };
    let verdict = match standing {
        Standing::Valid(_) => Verdict::Well,
        Standing::EndsSoon(_) => Verdict::Note,
        Standing::NotYet(_) | Standing::Expired(_) => Verdict::Problem,
    };
    Diagnosis::new(about, verdict, standing.to_string())
}

async fn vault(plant: &Plant) -> Diagnosis {
    match plant.vault.health().await {
        Ok(health) if health.sealed || !health.initialized => {
            Diagnosis::new("vault", Verdict::Problem, "the server is sealed or not set up")
        }
        Ok(health) => Diagnosis::new("vault", Verdict::Well, format!("version {}", health.version)),
        Err(error) => Diagnosis::new("vault", Verdict::Problem, error_line(&error)),
    }
}

/// Whether the secret can be read and is complete; never what it is.
async fn secret(plant: &Plant, target: &Target) -> Diagnosis {
    let about = format!("{} secret {}", target.name, target.secret);
    let stored = match plant.vault.read(&target.secret).await {
        Ok(stored) => stored,
        Err(error) => return Diagnosis::new(about, Verdict::Problem, error_line(&error)),
    };
    let Stored::Present { version, fields, .. } = stored else {
        let says = "no version can be read there; write the secret, or correct the path";
        return Diagnosis::new(about, Verdict::Problem, says);
    };
    let token = target.needs_token.then_some(&target.fields.security_token);
    let wanted = [Some(&target.fields.password), token];
    let is_there = |field: &&String| fields.get(*field).is_some_and(|text| !text.is_empty());
    let missing: Vec<&str> =
        wanted.into_iter().flatten().filter(|field| !is_there(field)).map(String::as_str).collect();
    if missing.is_empty() {
        Diagnosis::new(about, Verdict::Well, format!("version {version} is complete"))
    } else {
        let says = format!("version {version} lacks {}", missing.join(", "));
        Diagnosis::new(about, Verdict::Problem, says)
    }
}

/// Whether a login could be made at Salesforce. None is: each version has one, for a rotation.
async fn salesforce(plant: &Plant, target: &Target) -> Option<Diagnosis> {
    let (Prove::SoapLogin { login_url } | Prove::OauthPassword { login_url, .. }) = &target.prove
    else {
        return None;
    };
    let about = format!("{} salesforce {login_url}", target.name);
    let ready = plant.world.probe.prepare(target).await;
    Some(Diagnosis::of(&about, ready.map(|_| "can be reached; nobody logged in".to_owned())))
}

/// Logs in once and walks to each surface of the target. An account that the console refused is not
/// tried again for a further target: so many refusals would lock it.
async fn console(
    plant: &Plant,
    target: &Target,
    refused: &mut BTreeSet<AccountName>,
    findings: &mut Vec<Diagnosis>,
) {
    let about = format!("{} console {}", target.name, target.account);
    let mut session = match open(plant, target, refused).await {
        Ok(session) => {
            findings.push(Diagnosis::new(about, Verdict::Well, "logged in"));
            session
        }
        Err(says) => return findings.push(Diagnosis::new(about, Verdict::Problem, says)),
    };
    for place in &target.surfaces {
        let about = format!("{} {place}", target.name);
        match session.examine(place).await {
            Ok(examination) => {
                let problems = problems(target, &mut *session, place, &examination).await;
                judge(plant, &about, place, &examination, &problems, findings);
            }
            Err(error) => {
                findings.push(Diagnosis::new(about, Verdict::Problem, error_line(&error)));
                // The session ended, and the login for the next one was refused.
                if error.trouble == Trouble::LoginRefused {
                    refused.insert(target.account.clone());
                    break;
                }
            }
        }
    }
    if let Err(error) = session.close().await {
        let says = format!("logging out failed: {}", error_line(&error));
        findings.push(Diagnosis::new(format!("{} console", target.name), Verdict::Note, says));
    }
}

async fn open(
    plant: &Plant,
    target: &Target,
    refused: &mut BTreeSet<AccountName>,
) -> Result<Box<dyn ConsoleSession>, String> {
    let account = &target.account;
    if refused.contains(account) {
        return Err("not tried: the console refused this account's login for the target above; \
                    correct it in Vault"
            .to_owned());
    }
    let breaker = plant.world.journal.breaker(account).await.map_err(|e| error_line(&e))?;
    let login = plant.world.logins.read(account).await.map_err(|e| error_line(&e))?;
    if let Some(breaker) = breaker.filter(|breaker| login.version <= breaker.secret_version) {
        return Err(format!(
            "its login was refused at {} and is not tried again: correct it in Vault",
            breaker.since
        ));
    }
    let console = Arc::clone(&plant.world.console);
    let permit: Arc<dyn Permit> = Arc::new(Always);
    console.open(account, &login.login, &permit).await.map_err(|error| {
        if error.trouble == Trouble::LoginRefused {
            refused.insert(account.clone());
        }
        error_line(&error)
    })
}

/// What is not there exactly once, each with what to do about it.
async fn problems(
    target: &Target,
    session: &mut dyn ConsoleSession,
    place: &Surface,
    examination: &Examination,
) -> Vec<String> {
    let names = ConfiguredNames::of(place);
    let mut problems = Vec::new();
    for label in examination.labels.iter().filter(|label| label.found != 1) {
        let LabelFinding { page, label: what, found } = label;
        let said = format!("on \"{page}\" {what} was found {found} times");
        let advice = if !names.has(what) {
            "tell the profile what this tenant's page says instead".to_owned()
        } else if *found > 1 {
            "names have to differ: rename one of them in the console".to_owned()
        } else {
            let shown = if names.is_instance(what) || examination.connectors.is_empty() {
                shown(session, place).await
            } else {
                examination.connectors.clone()
            };
            let key = format!("targets.{}.instances", target.name);
            format!("correct the name in `{key}`; the page shows: {}", shown.join(" | "))
        };
        let problem = format!("{said}; {advice}");
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

/// The names on the way to a surface that come from the configuration and not from the profile, as
/// the console looks for them.
struct ConfiguredNames {
    instance: Option<String>,
    connector: Option<String>,
}

impl ConfiguredNames {
    fn of(place: &Surface) -> Self {
        let label = |name: &str| format!("link or button \"{name}\"");
        let connector = match place {
            Surface::Connector { name, .. } => Some(label(name)),
            Surface::Integration { .. } => None,
        };
        Self { instance: place.instance().map(label), connector }
    }

    fn is_instance(&self, what: &str) -> bool {
        self.instance.as_deref() == Some(what)
    }

    fn has(&self, what: &str) -> bool {
        self.is_instance(what) || self.connector.as_deref() == Some(what)
    }
}

/// What a person sees on the page on which the way to a surface ends.
async fn shown(session: &mut dyn ConsoleSession, place: &Surface) -> Vec<String> {
    let observed = match place {
        Surface::Connector { .. } => session.observe_connector(place).await.map(|_| ()),
        Surface::Integration { .. } => session.observe_integration(place).await.map(|_| ()),
    };
    match observed {
        Err(ConsoleError { trouble: Trouble::PageChanged { seen, .. }, .. }) => seen,
        Ok(()) | Err(_) => Vec::new(),
    }
}

fn judge(
    plant: &Plant,
    about: &str,
    place: &Surface,
    examination: &Examination,
    problems: &[String],
    findings: &mut Vec<Diagnosis>,
) {
    if problems.is_empty() {
        let labels = examination.labels.len();
        let says = format!("{}; {labels} labels found once each", examination.shows);
        findings.push(Diagnosis::new(about, Verdict::Well, says));
    } else {
        findings.push(Diagnosis::new(about, Verdict::Problem, problems.join("; ")));
    }
    let covered = |name: &String| {
        let instance = place.instance().map(str::to_owned);
        let surface = Surface::Connector { instance, name: name.clone() };
        plant.targets.iter().any(|target| target.surfaces.contains(&surface))
    };
    for name in examination.connectors.iter().filter(|name| !covered(name)) {
        let says = format!("no target covers the connector \"{name}\" of the same instance");
        findings.push(Diagnosis::new(about, Verdict::Note, says));
    }
}
