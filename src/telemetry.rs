//! Logs: one line per change of state, on standard error.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, Layered, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object per line, for a collector.
    #[default]
    Json,
    /// Plain text, for a person.
    Text,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How a line looks.
    pub format: LogFormat,
    /// The most talkative level of this program's own messages.
    pub level: Level,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: Level::INFO }
    }
}

/// Directs everything that is logged from here on to standard error. It fails where that was done
/// before in this process.
pub fn start(settings: Settings) -> Result<(), TryInitError> {
    subscriber(settings, io::stderr).try_init()
}

/// What passes: this program at its own level, libraries only when something is wrong.
///
/// No setting lets a library say more. At their lower levels the HTTP and database libraries log
/// headers, paths and statements, which hold secrets.
fn filter(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(env!("CARGO_CRATE_NAME"), level)
        // They log every refused or failed request several times as an error; the adapter that
        // made the request says it once, with what is done about it.
        .with_target("vaultrs", LevelFilter::OFF)
        .with_target("rustify", LevelFilter::OFF)
}

fn subscriber<W>(settings: Settings, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Without the module's name: `target` is the word for a Salesforce login here.
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let lines: Box<dyn Layer<Layered<Targets, Registry>> + Send + Sync> = match settings.format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
        LogFormat::Text => Box::new(lines.with_ansi(false)),
    };
    // The filter is one for all: a layer's own would remember the answer to a library that asks
    // whether it may say something and then says nothing, and drop the next line instead.
    tracing_subscriber::registry().with(filter(settings.level)).with(lines)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(settings: Settings, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(settings, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn by_default_this_program_says_what_changes_and_libraries_what_is_wrong() {
        let filter = filter(Settings::default().level);
        assert!(filter.would_enable("reset_receiver::engine::intake", &Level::INFO));
        assert!(!filter.would_enable("reset_receiver::engine::intake", &Level::DEBUG));
        assert!(filter.would_enable("sqlx::query", &Level::WARN));
        assert!(!filter.would_enable("sqlx::query", &Level::INFO));
    }

    #[test]
    fn the_vault_client_never_speaks_for_itself() {
        let filter = filter(Level::TRACE);
        for library in ["vaultrs::api", "rustify::client", "rustify::endpoint"] {
            assert!(!filter.would_enable(library, &Level::ERROR), "{library}");
        }
    }

    #[test]
    fn no_level_lets_a_library_log_what_it_sends() {
        let filter = filter(Level::TRACE);
        assert!(filter.would_enable("reset_receiver::vault", &Level::TRACE));
        for library in ["hyper_util::client", "h2::codec", "reqwest::connect", "sqlx::query"] {
            assert!(!filter.would_enable(library, &Level::INFO), "{library}");
        }
    }

    #[test]
    fn a_json_line_is_one_object_with_the_fields_at_the_top() {
        let text = logged(Settings::default(), || {
            let target = "acme";
            tracing::info!(target: "reset_receiver::test", target, rotation = 7, "event\naccepted");
            tracing::debug!(target: "reset_receiver::test", "left out");
        });
        let lines: Vec<&str> = text.lines().collect();
        let [line] = lines[..] else { panic!("not one line: {text}") };
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["message"], "event\naccepted");
        assert_eq!(line["rotation"], 7);
        assert_eq!(line["target"], "acme", "the login, not the module");
        assert_eq!(line["level"], "INFO");
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn a_library_that_asks_and_says_nothing_swallows_no_line() {
        let text = logged(Settings::default(), || {
            for _ in 0..2 {
                let may = tracing::enabled!(target: "sqlx::query", Level::DEBUG);
                assert!(!may);
                tracing::info!(target: "reset_receiver::test", "ready");
            }
        });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_text_line_is_plain() {
        let settings = Settings { format: LogFormat::Text, level: Level::DEBUG };
        let text = logged(settings, || {
            tracing::debug!(target: "reset_receiver::test", rotation = 7, "event accepted");
        });
        assert!(text.contains("DEBUG"), "{text}");
        assert!(text.contains("event accepted rotation=7"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
