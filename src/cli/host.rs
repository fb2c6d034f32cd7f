//! The commands that run in this process, by the configuration: `serve`, `check`, `doctor`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::cli::doctor::{self, Diagnosis};
use crate::cli::{DoctorArguments, Exit, report};
use crate::config::{
    AuthenticationFiles, CertificateTrust, Config, ConfigError, Warning, Weakness,
};
use crate::domain::ids::TargetName;
use crate::senders::client_certificate::ClientCertificate;
use crate::shutdown::{Ended, Signals};
use crate::startup::{App, DRAIN, Origin, Plant};
use crate::telemetry;

/// Reads the configuration, or says on `err` everything that is wrong with it.
pub fn load(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    err: &mut dyn Write,
) -> io::Result<Option<Config>> {
    let Some(path) = path else {
        writeln!(err, "say where the configuration is: --config PATH or RESET_RECEIVER_CONFIG")?;
        return Ok(None);
    };
    match Config::load(path, environment) {
        Ok(config) => Ok(Some(config)),
        Err(ConfigError::Faults(faults)) => {
            for fault in &faults {
                writeln!(err, "{fault}")?;
            }
            writeln!(err, "{}: {} fault(s)", path.display(), faults.len())?;
            Ok(None)
        }
        Err(error @ (ConfigError::File { .. } | ConfigError::Syntax(_))) => {
            report(&error, err)?;
            Ok(None)
        }
    }
}

/// Receives and rotates until a signal asks to stop; what can be exchanged meanwhile is read again
/// from the configuration's origin.
pub async fn serve(config: &Config, origin: Origin, err: &mut dyn Write) -> io::Result<Exit> {
    if let Err(error) = telemetry::start(config.log) {
        report(&error, err)?;
        return Ok(Exit::Wrong);
    }
    let signals = Signals::listen()?;
    let app = match App::build(config).await {
        Ok(app) => app.reloading(origin),
        Err(error) => {
            report(&error, err)?;
            return Ok(Exit::Usage);
        }
    };
    let stop = CancellationToken::new();
    match signals.supervise(stop.clone(), DRAIN, Box::pin(app.run(stop))).await {
        Ended::Finished(Ok(())) => Ok(Exit::Well),
        Ended::Finished(Err(error)) => {
            report(&error, err)?;
            Ok(Exit::Wrong)
        }
        Ended::SecondSignal | Ended::Deadline => Ok(Exit::Wrong),
    }
}

/// Says that a configuration that was read is well, in one line a person can check, and before it
/// what it allows that is weaker than it needs to be.
pub fn check(config: &Config, out: &mut dyn Write) -> io::Result<Exit> {
    let shared = pins_of_shared_certificates(config);
    for warning in config.warnings().iter().chain(&shared) {
        writeln!(out, "{warning}")?;
    }
    let surfaces: usize = config.targets.iter().map(|target| target.surfaces.len()).sum();
    writeln!(
        out,
        "the configuration is well: {} target(s) with {surfaces} surface(s), {} console account(s), \
         {} source(s); the files that it names were not checked",
        config.targets.len(),
        config.consoles.len(),
        config.sources.len(),
    )?;
    Ok(Exit::Well)
}

/// The sources that pin a certificate which Salesforce shares between its customers, and ask for
/// nothing else. A file that cannot be read is the start's to complain about.
fn pins_of_shared_certificates(config: &Config) -> Vec<Warning> {
    let is_shared = |path: &PathBuf| {
        std::fs::read(path)
            .ok()
            .and_then(|pem| ClientCertificate::from_pem(&pem).ok())
            .is_some_and(|certificate| certificate.is_shared_by_salesforce())
    };
    let pins_one = |scheme: &AuthenticationFiles| match scheme {
        AuthenticationFiles::Mtls {
            trust: CertificateTrust::Pinned { certificate_files, .. },
            path_secrets,
        } => path_secrets.is_empty() && certificate_files.iter().any(is_shared),
        AuthenticationFiles::Mtls { .. }
        | AuthenticationFiles::StandardWebhooks(_)
        | AuthenticationFiles::Bearer(_)
        | AuthenticationFiles::HmacBody { .. }
        | AuthenticationFiles::PathSecret(_) => false,
    };
    let sources = config.sources.iter().filter(|source| source.authentication.iter().any(pins_one));
    let weakness = Weakness::SharedCertificate;
    sources.map(|source| Warning { source: source.name.clone(), weakness }).collect()
}

/// Looks, without changing anything, whether a rotation would find all that it needs.
pub async fn doctor(
    config: &Config,
    arguments: &DoctorArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let unknown = |name: &&TargetName| !config.targets.iter().any(|target| target.name == **name);
    if let Some(name) = arguments.target.as_ref().filter(unknown) {
        writeln!(err, "there is no target {name}")?;
        return Ok(Exit::Usage);
    }
    let plant = match Plant::build(config).await {
        Ok(plant) => plant,
        Err(error) => {
            report(&error, err)?;
            return Ok(Exit::Usage);
        }
    };
    let findings = doctor::examine(config, &plant, arguments.target.as_ref()).await;
    let is_well = findings.iter().all(Diagnosis::is_well);
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &findings)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
    }
    Ok(if is_well { Exit::Well } else { Exit::Wrong })
}
