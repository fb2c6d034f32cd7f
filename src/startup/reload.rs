//! Reads sources, keys, pins and the certificate again, when a file has changed and on SIGHUP.
//!
//! Everything is read before anything is exchanged: where one file is not right, what ran goes on
//! and the log says why. Connections stay open; each request is held against what is in force when
//! it comes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, ConfigError, Source};
use crate::domain::fault::error_line;
use crate::hooks::Sources;
use crate::hooks::tls::{Certificates, TlsError, TlsFiles};
use crate::operator::messages::Messages;
use crate::ports::clock::Clock;
use crate::startup::StartError;
use crate::startup::sources::{outbound_objects, sources};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(3);

/// Where a configuration came from, so that it can be read again.
#[derive(Clone)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// The environment's variables, of which some override the file's keys.
    pub environment: Vec<(String, String)>,
}

/// Why nothing was exchanged.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("the configuration cannot be used{}", faults(.0))]
    Config(#[source] ConfigError),
    #[error("a source cannot be used")]
    Sources(#[from] StartError),
    #[error("the certificate cannot be used")]
    Certificate(#[from] TlsError),
}

/// All faults in one text; a person repairs them at once.
fn faults(error: &ConfigError) -> String {
    match error {
        ConfigError::Faults(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            format!(": {}", lines.join("; "))
        }
        ConfigError::File { .. } | ConfigError::Syntax(_) => String::new(),
    }
}

/// What is exchanged, and where it comes from.
pub(in crate::startup) struct Reloader {
    pub(in crate::startup) origin: Origin,
    pub(in crate::startup) exchanged: Exchanged,
    pub(in crate::startup) clock: Arc<dyn Clock>,
}

/// What is exchanged.
#[derive(Clone)]
pub(in crate::startup) struct Exchanged {
    pub(in crate::startup) messages: Arc<Messages>,
    /// `None` for a replica that does not listen to senders, and needs none of their keys.
    pub(in crate::startup) listening: Option<Listening>,
}

/// What the public listener knows senders by, and is known by.
#[derive(Clone)]
pub(in crate::startup) struct Listening {
    pub(in crate::startup) sources: Arc<Sources>,
    pub(in crate::startup) certificates: Arc<Certificates>,
}

impl Listening {
    /// Reads every file that the configuration names for it.
    pub(in crate::startup) fn load(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            sources: Arc::new(Sources::new(sources(config)?)),
            certificates: Certificates::load(TlsFiles {
                certificate: config.hooks.certificate_file.clone(),
                key: config.hooks.private_key_file.clone(),
            })?,
        })
    }
}

/// What tells a file from the one that was there before: device, number, size, and the times at
/// which its content and its entry changed. A link is followed, as Kubernetes exchanges links.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp([i128; 7]);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let of = fs::metadata(path).ok()?;
        let times = [of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec()].map(i128::from);
        let [modified, modified_ns, changed, changed_ns] = times;
        let [device, number, size] = [of.dev(), of.ino(), of.size()].map(i128::from);
        Some(Self([device, number, size, modified, modified_ns, changed, changed_ns]))
    }
}

/// The files, as they were when they were last read. One that is not there has no stamp.
type Seen = BTreeMap<PathBuf, Option<Stamp>>;

fn look_at<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Seen {
    paths.into_iter().map(|path| (path.clone(), Stamp::of(path))).collect()
}

impl Reloader {
    /// Goes on for ever.
    pub(in crate::startup) async fn run(self, config: &Config) {
        let mut hangup = listen();
        let this = Arc::new(self);
        let mut seen = this.files(config);
        loop {
            let asked = tokio::select! {
                () = next(hangup.as_mut()) => true,
                () = this.clock.sleep(LOOK) => false,
            };
            let (looking, before) = (Arc::clone(&this), seen.clone());
            let looked = tokio::task::spawn_blocking(move || looking.look(before, asked)).await;
            match looked {
                Ok(now) => seen = now,
                Err(error) => tracing::error!(%error, "looking at the files was cut short"),
            }
        }
    }

    /// Reads everything again where something has changed, or where that was asked for. Returns
    /// the files as they were before they were read, so that no change slips through.
    fn look(&self, seen: Seen, asked: bool) -> Seen {
        let mut now = look_at(seen.keys());
        if now == seen && !asked {
            return seen;
        }
        match self.reload(&mut now) {
            Ok(()) => tracing::info!("sources, keys and certificate have been read again"),
            Err(error) => {
                let error = error_line(&error);
                tracing::error!(error, "nothing was exchanged; what ran goes on");
            }
        }
        now
    }

    fn reload(&self, seen: &mut Seen) -> Result<(), ReloadError> {
        let Origin { path, environment } = &self.origin;
        let config = Config::load(path, environment.clone()).map_err(ReloadError::Config)?;
        // The configuration's own stamp stays that from before it was read.
        let own = seen.get(path).cloned();
        *seen = self.files(&config);
        if let Some(own) = own {
            seen.insert(path.clone(), own);
        }
        if let Some(Listening { sources: in_force, certificates }) = &self.exchanged.listening {
            let sources = sources(&config)?;
            certificates.reload()?;
            certificates.validity().standing(self.clock.now()).warn();
            in_force.replace(sources);
        }
        self.exchanged.messages.replace(outbound_objects(&config));
        Ok(())
    }

    /// Every file that is read again.
    fn files(&self, config: &Config) -> Seen {
        let origin = &self.origin.path;
        if self.exchanged.listening.is_none() {
            return look_at([origin]);
        }
        let own = [origin, &config.hooks.certificate_file, &config.hooks.private_key_file];
        look_at(own.into_iter().chain(config.sources.iter().flat_map(Source::files)))
    }
}

/// Takes SIGHUP over, which would end the process.
fn listen() -> Option<Signal> {
    match signal(SignalKind::hangup()) {
        Ok(signal) => Some(signal),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP cannot be listened for; changed files are noticed");
            None
        }
    }
}

async fn next(signal: Option<&mut Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}
