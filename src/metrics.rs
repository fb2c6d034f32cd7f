//! What the program counts and times, in the format that Prometheus reads.
//!
//! Every name begins with `reset_receiver_` and carries its unit. Label values come from fixed
//! lists and from the configured sources, so that no stranger can grow the page.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::entry::Outcome;
use crate::domain::fault::Fault;
use crate::domain::ids::{AccountName, SourceName, TargetName};
use crate::domain::phase::Phase;
use crate::domain::step::Step;
use crate::ports::meter::{DeliveryOutcome, Meter, RefusedBy};

const PREFIX: &str = "reset_receiver";

/// The label of a delivery whose source is not configured.
const UNKNOWN_SOURCE: &str = "-";

/// From a tenth of a second, one fast console, to an hour, a night with a thousand resets.
const CONTAINED_BUCKETS: [f64; 13] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// From a second to a day: the confirmation waits for the customer's own sync schedule.
const LONG_BUCKETS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0];

/// Says when something expires; `None` where it does not, or where nobody knows yet.
pub type Expiry = Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>;

/// Says of each console account whether its login is known, so that it is not Vault that
/// containment waits for.
pub type LoginsKnown = Arc<dyn Fn() -> Vec<(AccountName, bool)> + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    source: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    fault: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    by: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AccountLabels {
    account: String,
}

/// Counters and histograms that live as long as the process, and the sources of the gauges that
/// are read at each scrape.
pub struct Metrics {
    registry: Registry,
    sources: BTreeSet<String>,
    deliveries: Family<DeliveryLabels, Counter>,
    contained: Histogram,
    completed: Histogram,
    ended: Family<OutcomeLabels, Counter>,
    connector_off: Histogram,
    step_failures: Family<StepLabels, Counter>,
    logins_refused: Family<RefusalLabels, Counter>,
    vault_token: Option<Expiry>,
    certificate: Option<Expiry>,
    console_logins: Option<LoginsKnown>,
}

impl Metrics {
    /// Metrics with every label value that can occur, at zero: a first failure is then a step
    /// from 0 to 1, which an alert on a rate sees.
    pub fn new<'a>(sources: impl IntoIterator<Item = &'a SourceName>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            sources: sources.into_iter().map(|source| source.as_str().to_owned()).collect(),
            deliveries: Family::default(),
            contained: Histogram::new(CONTAINED_BUCKETS),
            completed: Histogram::new(LONG_BUCKETS),
            ended: Family::default(),
            connector_off: Histogram::new(LONG_BUCKETS),
            step_failures: Family::default(),
            logins_refused: Family::default(),
            vault_token: None,
            certificate: None,
            console_logins: None,
        };
        metrics.register_times();
        metrics.register_counts();
        metrics.start_at_zero();
        metrics
    }

    /// Shows how long the token at Vault is still valid.
    #[must_use]
    pub fn with_vault_token(mut self, expiry: Expiry) -> Self {
        self.vault_token = Some(expiry);
        self
    }

    /// Shows how long the certificate of the public listener is still valid.
    #[must_use]
    pub fn with_certificate(mut self, expiry: Expiry) -> Self {
        self.certificate = Some(expiry);
        self
    }

    /// Shows of which console accounts the login is known.
    #[must_use]
    pub fn with_console_logins(mut self, known: LoginsKnown) -> Self {
        self.console_logins = Some(known);
        self
    }

    /// The whole page, in the `OpenMetrics` text format. `phases` is what the store answered at this
    /// scrape, `None` where it did not answer; what is unknown is left out.
    pub fn page(
        &self,
        phases: Option<&[(Phase, u64)]>,
        now: Timestamp,
    ) -> Result<String, fmt::Error> {
        let mut page = String::new();
        encode_registry(&mut page, &self.registry)?;
        encode_registry(&mut page, &self.gauges(phases, now))?;
        encode_eof(&mut page)?;
        Ok(page)
    }

    /// The content type of [`Self::page`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    fn register_times(&mut self) {
        self.registry.register_with_unit(
            "event_to_contained",
            "Seconds from the admission of a reset event to the moment at which every connector \
             of its target was seen disabled",
            Unit::Seconds,
            self.contained.clone(),
        );
        self.registry.register_with_unit(
            "secret_to_completed",
            "Seconds from the choice of the new secret to the end of the rotation",
            Unit::Seconds,
            self.completed.clone(),
        );
        self.registry.register_with_unit(
            "connector_off",
            "Seconds for which a connector was disabled by a rotation, observed when it is \
             enabled again",
            Unit::Seconds,
            self.connector_off.clone(),
        );
    }

    fn register_counts(&mut self) {
        self.registry.register(
            "deliveries",
            "Deliveries at the public listener, by configured source (\"-\" for an unknown one) \
             and outcome",
            self.deliveries.clone(),
        );
        self.registry.register(
            "rotations_ended",
            "Rotations that came to an end by themselves, by outcome",
            self.ended.clone(),
        );
        self.registry.register(
            "step_failures",
            "Failed tries of a rotation's step, by step and class of fault",
            self.step_failures.clone(),
        );
        self.registry.register(
            "logins_refused",
            "Logins that were refused, by who refused: the CommuniGator console its own login, or \
             Salesforce the secret",
            self.logins_refused.clone(),
        );
    }

    fn start_at_zero(&self) {
        let sources = self.sources.iter().map(String::as_str).chain([UNKNOWN_SOURCE]);
        for source in sources {
            for outcome in DELIVERY_OUTCOMES {
                drop(self.deliveries.get_or_create(&delivery(source, outcome)));
            }
        }
        for outcome in [Outcome::Confirmed, Outcome::Unconfirmed, Outcome::NothingToDo] {
            drop(self.ended.get_or_create(&OutcomeLabels { outcome: outcome_word(outcome) }));
        }
        for step in Step::ALL {
            for fault in FAULTS {
                let labels = StepLabels { step: step.as_str(), fault: fault.as_str() };
                drop(self.step_failures.get_or_create(&labels));
            }
        }
        for by in [RefusedBy::Console, RefusedBy::Salesforce] {
            drop(self.logins_refused.get_or_create(&RefusalLabels { by: by.as_str() }));
        }
    }

    /// The gauges of one scrape. They live no longer than it, so that a value that is unknown now
    /// is absent and not an old one.
    fn gauges(&self, phases: Option<&[(Phase, u64)]>, now: Timestamp) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let store_up = Gauge::<i64>::default();
        store_up.set(i64::from(phases.is_some()));
        registry.register("store_up", "1 where the store answered this scrape, 0 else", store_up);
        if let Some(phases) = phases {
            register_phases(&mut registry, phases);
        }
        if let Some(known) = &self.console_logins {
            register_logins(&mut registry, known());
        }
        let left = |expiry: &Option<Expiry>| {
            let at = expiry.as_ref().and_then(|expiry| expiry())?;
            Some(at.duration_since(now).as_secs_f64())
        };
        if let Some(seconds) = left(&self.vault_token) {
            let help = "Seconds until the token at Vault expires, unless it is renewed; negative \
                        once it has";
            register_seconds(&mut registry, "vault_token_left", help, seconds);
        }
        if let Some(seconds) = left(&self.certificate) {
            let help = "Seconds until the certificate of the public listener expires; negative \
                        once it has";
            register_seconds(&mut registry, "certificate_left", help, seconds);
        }
        registry
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Meter for Metrics {
    fn delivery(&self, source: &str, outcome: DeliveryOutcome) {
        let source = self.sources.get(source).map_or(UNKNOWN_SOURCE, String::as_str);
        self.deliveries.get_or_create(&delivery(source, outcome)).inc();
    }

    fn contained(&self, _target: &TargetName, after: Duration) {
        self.contained.observe(after.as_secs_f64());
    }

    fn completed(&self, _target: &TargetName, outcome: Outcome, after_secret: Option<Duration>) {
        self.ended.get_or_create(&OutcomeLabels { outcome: outcome_word(outcome) }).inc();
        if let Some(after_secret) = after_secret {
            self.completed.observe(after_secret.as_secs_f64());
        }
    }

    fn connector_off(&self, _target: &TargetName, off: Duration) {
        self.connector_off.observe(off.as_secs_f64());
    }

    fn step_failed(&self, step: Step, fault: Fault) {
        let labels = StepLabels { step: step.as_str(), fault: fault.as_str() };
        self.step_failures.get_or_create(&labels).inc();
    }

    fn login_refused(&self, by: RefusedBy) {
        self.logins_refused.get_or_create(&RefusalLabels { by: by.as_str() }).inc();
    }
}

const DELIVERY_OUTCOMES: [DeliveryOutcome; 10] = [
    DeliveryOutcome::Accepted,
    DeliveryOutcome::Duplicate,
    DeliveryOutcome::Unmatched,
    DeliveryOutcome::Ignored,
    DeliveryOutcome::Unauthenticated,
    DeliveryOutcome::Malformed,
    DeliveryOutcome::PutAside,
    DeliveryOutcome::Unproven,
    DeliveryOutcome::Throttled,
    DeliveryOutcome::Unavailable,
];

const FAULTS: [Fault; 4] =
    [Fault::Transient, Fault::Indeterminate, Fault::Permanent, Fault::Rejected];

fn delivery(source: &str, outcome: DeliveryOutcome) -> DeliveryLabels {
    DeliveryLabels { source: source.to_owned(), outcome: outcome.as_str() }
}

/// The outcome in the words of the phases.
const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => Phase::Confirmed.as_str(),
        Outcome::Unconfirmed => Phase::Unconfirmed.as_str(),
        Outcome::NothingToDo => Phase::NothingToDo.as_str(),
    }
}

fn register_phases(registry: &mut Registry, phases: &[(Phase, u64)]) {
    let count = |phase: Phase| {
        let of_phase = phases.iter().filter(|(counted, _)| *counted == phase);
        i64::try_from(of_phase.map(|(_, count)| count).sum::<u64>()).unwrap_or(i64::MAX)
    };
    let by_phase = Family::<PhaseLabels, Gauge>::default();
    for phase in Phase::ALL {
        by_phase.get_or_create(&PhaseLabels { phase: phase.as_str() }).set(count(phase));
    }
    registry.register("rotations", "Rotations that the store holds, by phase", by_phase);
    let stuck = Gauge::<i64>::default();
    stuck.set(count(Phase::Stuck));
    registry.register("rotations_stuck", "Rotations that wait for a person", stuck);
}

fn register_logins(registry: &mut Registry, known: Vec<(AccountName, bool)>) {
    let by_account = Family::<AccountLabels, Gauge>::default();
    for (account, known) in known {
        let labels = AccountLabels { account: account.to_string() };
        by_account.get_or_create(&labels).set(i64::from(known));
    }
    registry.register(
        "console_login_known",
        "1 where the login of the console account was read from Vault, 0 where it was not and its \
         connectors cannot be switched off before it is",
        by_account,
    );
}

fn register_seconds(registry: &mut Registry, name: &str, help: &str, seconds: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(seconds);
    registry.register_with_unit(name, help, Unit::Seconds, gauge);
}

#[cfg(test)]
mod tests;
