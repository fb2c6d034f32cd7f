//! Runs a rotation for every fault and every request, on several towns side by side.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault as Class;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::Surface;
use reset_receiver::engine::operations::Verb;
use simulator::{Change, ConsoleRequest, Fault, Match, Skin, Times};
use tokio::task::JoinSet;

use crate::faults::expected::{Expected, Moment};
use crate::faults::ledger::Ledger;
use crate::support::hand::Hand;
use crate::support::town::{RARELY, Town, USERNAME};

/// How many towns there are for each skin.
const TOWNS: usize = 6;
/// How long an impatient town waits for an answer of the console.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long the console may take to answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// As long as the default says.
    Default,
    /// [`PATIENCE`].
    Short,
}

impl Patience {
    fn config(self, town: &Town) -> String {
        // No worker dies here: a lease that runs out because the machine is busy would be another
        // test's business.
        let config = town.config().replace("lease = \"1s\"", "lease = \"60s\"");
        match self {
            Self::Default => config,
            Self::Short => {
                let timeout = format!("[consoles.acme]\ntimeout = \"{}s\"", PATIENCE.as_secs());
                config.replace("[consoles.acme]", &timeout)
            }
        }
    }
}

/// One fault at one request.
#[derive(Debug, Clone)]
struct Case {
    /// The number of the request within its rotation, from 1.
    number: usize,
    name: String,
    fault: Fault,
    expected: Expected,
    may_leave_session: bool,
}

impl Case {
    fn is_about_label(&self) -> bool {
        matches!(self.fault, Fault::MissingLabel(_) | Fault::DoubledLabel(_))
    }

    /// A form that one surface alone has.
    fn is_on_form(&self) -> bool {
        matches!(self.name.as_str(), "GET change-state" | "GET data-source")
    }

    /// Whether only one surface is concerned, so that the others can be contained.
    fn is_about_one_surface(&self) -> bool {
        self.is_about_label() && (self.is_on_form() || self.name == "GET connectors")
    }
}

/// Runs every case of these faults over both skins at the same time; fails with everything that
/// went wrong.
pub(super) async fn sweep(faults: &[Fault], patience: Patience) {
    let (plain, webforms) = tokio::join!(
        Box::pin(sweep_skin(Skin::Plain, faults, patience)),
        Box::pin(sweep_skin(Skin::WebForms, faults, patience))
    );
    let complaints = [plain, webforms].concat();
    assert!(complaints.is_empty(), "{}:\n{}", complaints.len(), complaints.join("\n"));
}

async fn sweep_skin(skin: Skin, faults: &[Fault], patience: Patience) -> Vec<String> {
    let cases = cases(skin, faults).await;
    assert!(cases.len() >= 35, "only {} cases on {skin:?}", cases.len());
    let (queue, complaints) = (Arc::new(Mutex::new(cases)), Arc::new(Mutex::new(Vec::new())));
    let mut towns = JoinSet::new();
    for _ in 0..TOWNS {
        let faults = faults.to_vec();
        let (queue, complaints) = (Arc::clone(&queue), Arc::clone(&complaints));
        towns.spawn(async move {
            let mut town = Arc::new(town_for(skin, &faults).await);
            loop {
                let Some(case) = queue.lock().unwrap().pop() else { return };
                let what = format!("{skin:?}, {case:?}");
                let run = tokio::spawn(run(Arc::clone(&town), case, patience));
                let found = match run.await {
                    Ok(found) => found,
                    Err(panic) => {
                        town = Arc::new(town_for(skin, &faults).await);
                        vec![panic.to_string()]
                    }
                };
                complaints.lock().unwrap().extend(found.iter().map(|f| format!("{what}: {f}")));
            }
        });
    }
    while let Some(ended) = towns.join_next().await {
        ended.unwrap();
    }
    let complaints = complaints.lock().unwrap();
    complaints.clone()
}

/// Where a fault waits for a person, another connector is there that can be contained; anywhere
/// else the shortest walk will do.
async fn town_for(skin: Skin, faults: &[Fault]) -> Town {
    let lasts = |fault: &Fault| {
        matches!(fault, Fault::ConfirmIp | Fault::MissingLabel(_) | Fault::DoubledLabel(_))
    };
    if faults.iter().any(lasts) { Town::compact(skin).await } else { Town::smallest(skin).await }
}

/// Counts the requests of a rotation that nothing disturbs.
async fn cases(skin: Skin, faults: &[Fault]) -> Vec<Case> {
    let town = town_for(skin, faults).await;
    let hand = Hand::new(&town).await;
    let rotation = reset(&town, &hand).await;
    hand.until(rotation, Phase::Confirmed).await;
    let log = town.simulator.console_log();
    let mut cases = Vec::new();
    for (at, request) in log.iter().enumerate() {
        let moment = Moment {
            before: at.checked_sub(1).and_then(|at| log.get(at)),
            request,
            after: log.get(at + 1),
            is_repeated: log[..at].iter().any(|earlier| earlier.name == request.name),
            has_addresses: skin == Skin::Plain,
        };
        for fault in faults {
            let Some(fault) = with_label(fault, moment.label()) else { continue };
            let expected = moment.expected(&fault);
            let may_leave_session = moment.may_leave_session(&fault);
            let name = request.name.clone();
            cases.push(Case { number: at + 1, name, fault, expected, may_leave_session });
        }
    }
    cases
}

/// A label's fault with the label that matters here; `None` where none does.
fn with_label(fault: &Fault, label: Option<&str>) -> Option<Fault> {
    if let Fault::MissingLabel(_) = fault {
        return Some(Fault::MissingLabel(label?.to_owned()));
    }
    if let Fault::DoubledLabel(_) = fault {
        return Some(Fault::DoubledLabel(label?.to_owned()));
    }
    Some(fault.clone())
}

/// A reset whose secret is in Vault already.
async fn reset(town: &Town, hand: &Hand) -> RotationId {
    let number = town.simulator.console_log().len();
    let password = format!("password-{number}");
    let new = town.simulator.salesforce().reset_password(USERNAME, &password).unwrap();
    town.write_secret(&new).await;
    hand.tell(town, &format!("reset-{number}"), ResetKind::PasswordReset).await
}

/// Switches the fault on, once; but a label on a page that would be looked for anew stays as it is
/// until somebody puts it right.
fn switch_on(town: &Town, case: &Case, before: usize) {
    let number = u64::try_from(before + case.number).unwrap();
    if case.is_about_label() && !case.is_on_form() {
        let which = Match::request_since(&case.name, number);
        town.simulator.fault(which, case.fault.clone(), Times::Always);
    } else {
        town.simulator.fault(Match::nth(number), case.fault.clone(), Times::Once);
    }
}

/// One rotation with one fault, put right by an operator where it takes one.
async fn run(town: Arc<Town>, case: Case, patience: Patience) -> Vec<String> {
    let before = town.simulator.console_log().len();
    let fields = town.other_fields();
    let hand = Hand::configured(&patience.config(&town)).await;
    switch_on(&town, &case, before);
    let rotation = reset(&town, &hand).await;
    let new = town.credential();
    let phase = hand.until_rest(rotation).await;
    let mut found = judge_journal(&case, &hand.entries(rotation).await);
    town.simulator.clear_faults();
    if phase == Phase::Stuck {
        found.extend(judge_stuck(&town, &hand, rotation, &case, before).await);
        hand.say(rotation, Verb::Retry).await;
    }
    hand.until(rotation, Phase::Confirmed).await;

    let log = town.simulator.console_log();
    let connectors = town.connectors.iter().map(|(_, name, enabled)| (*name, *enabled));
    let mut ledger = Ledger::new(connectors, town.connectors.len() + town.integrations.len());
    found.extend(ledger.read(&log[before..]));
    town.simulator.run_syncs();
    let sessions = town.simulator.open_sessions();
    let sessions_allowed = usize::from(case.may_leave_session);
    let checks = [
        (town.states() == town.at_first(), "not every connector has its state back"),
        (town.held().iter().all(|held| *held == new), "not every surface holds the new secret"),
        (town.other_fields() == fields, "a field that is not ours has changed"),
        (town.failed_connector_logins().is_empty(), "a connector failed to log in"),
        (town.simulator.refused_console_logins() == 0, "a console login was refused"),
        (sessions <= sessions_allowed, "a console session was left open"),
    ];
    found.extend(checks.iter().filter(|(holds, _)| !holds).map(|(_, what)| (*what).to_owned()));
    if !found.is_empty() {
        found.push(hand.says(rotation).await.join("\n    "));
    }
    town.simulator.expire_sessions();
    found
}

/// Whether the journal says of the fault what it should, once, and nothing else.
fn judge_journal(case: &Case, entries: &[Entry]) -> Vec<String> {
    let troubles: Vec<_> = entries.iter().filter_map(trouble).collect();
    let fits = match (&case.expected, troubles.as_slice()) {
        (Expected::Quiet, []) => true,
        (Expected::Again(class), [(is, true, _)]) => is == class,
        (Expected::Stuck(class, words), [(is, false, says)]) => {
            is == class && words.iter().all(|word| says.contains(word.as_str()))
        }
        _ => false,
    };
    if fits { Vec::new() } else { vec![format!("the journal says {troubles:?}")] }
}

/// The class of a failure, whether it is tried again, and its sentence.
fn trouble(entry: &Entry) -> Option<(Class, bool, &str)> {
    if let Entry::Deferred { fault, message, .. } = entry {
        return Some((*fault, true, message));
    }
    let Entry::Stuck { fault, message, .. } = entry else { return None };
    Some((*fault, false, message))
}

/// While a person is waited for: everything else is contained, nothing was written where the
/// fault is, and nothing logs in at Salesforce with the dead secret.
async fn judge_stuck(
    town: &Town,
    hand: &Hand,
    rotation: RotationId,
    case: &Case,
    before: usize,
) -> Vec<String> {
    let entries = hand.entries(rotation).await;
    let Some((step, place)) = entries.iter().find_map(stuck_at) else { return Vec::new() };
    let mut found = Vec::new();
    let new = town.credential();
    for ((instance, name, _), enabled) in town.connectors.iter().zip(town.states()) {
        let is_place = matches!(&place, Some(Surface::Connector { name: n, .. }) if n == name);
        let holds = town.simulator.connector(instance, name).unwrap().holds;
        if enabled
            && holds != new
            && !is_place
            && (step != Step::Contain || case.is_about_one_surface())
        {
            found.push(format!("{name} is not contained"));
        }
    }
    let log = town.simulator.console_log();
    let touched = |change: &Change| place.as_ref().is_some_and(|place| is_at(change, place));
    let since_fault: &[ConsoleRequest] = &log[before + case.number - 1..];
    if since_fault.iter().flat_map(|request| &request.changes).any(touched) {
        found.push("something was changed where the fault is".to_owned());
    }
    if step != Step::Contain {
        town.simulator.tick(RARELY);
    }
    found
}

fn stuck_at(entry: &Entry) -> Option<(Step, Option<Surface>)> {
    let Entry::Stuck { step, surface, .. } = entry else { return None };
    Some((*step, surface.clone()))
}

fn is_at(change: &Change, place: &Surface) -> bool {
    match (change, place) {
        (
            Change::State { connector, .. } | Change::DataSource { connector, .. },
            Surface::Connector { name, .. },
        ) => connector == name,
        (Change::Security { instance, .. }, Surface::Integration { instance: Some(name) }) => {
            instance == name
        }
        _ => false,
    }
}
