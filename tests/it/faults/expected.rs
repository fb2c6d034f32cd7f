//! What the fault table says of a fault, given the request that it hits.

use reset_receiver::domain::fault::Fault as Class;
use simulator::{ConsoleRequest, Fault};

use crate::faults::sweep::PATIENCE;

/// What is to become of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    /// It completes, and the journal says nothing of the fault.
    Quiet,
    /// One entry says that a step failed; then it completes by itself.
    Again(Class),
    /// It needs a person, and says these words.
    Stuck(Class, Vec<String>),
}

/// A request of the undisturbed rotation, with the one after it.
pub(super) struct Moment<'a> {
    pub(super) before: Option<&'a ConsoleRequest>,
    pub(super) request: &'a ConsoleRequest,
    pub(super) after: Option<&'a ConsoleRequest>,
    /// Whether a request of that name came earlier.
    pub(super) is_repeated: bool,
    /// Whether links have addresses that are remembered.
    pub(super) has_addresses: bool,
}

impl Moment<'_> {
    fn is(&self, name: &str) -> bool {
        self.request.name == name
    }

    fn leads_to(&self, name: &str) -> bool {
        self.after.is_some_and(|after| after.name == name)
    }

    fn comes_after(&self, name: &str) -> bool {
        self.before.is_some_and(|before| before.name == name)
    }

    /// Logging out: a failure there is nobody's concern.
    pub(super) fn is_log_out(&self) -> bool {
        self.is("GET log-out") || self.comes_after("GET log-out")
    }

    /// From the credentials to the page behind the login.
    pub(super) fn is_login(&self) -> bool {
        self.is("POST login") || self.comes_after("POST login")
    }

    fn has_page(&self) -> bool {
        self.request.status == 200
    }

    /// The label that has to be on the page exactly once for the rotation to go on.
    pub(super) fn label(&self) -> Option<&'static str> {
        let unknown_way = !(self.has_addresses && self.is_repeated);
        match self.request.name.as_str() {
            "GET login" if self.leads_to("POST login") => Some("Password"),
            "GET instances" if unknown_way => Some("Acme UK"),
            "GET home" if self.leads_to("GET data-sync") => Some("Data Sync"),
            "GET data-sync" => Some("View Connectors"),
            "GET connectors" => Some("Salesforce Sync"),
            "GET connector" => Some("State"),
            "GET change-state" => Some("Status"),
            "GET integration" if self.leads_to("GET security") => Some("Security"),
            "GET integration" => Some("Integration running"),
            "GET security" | "GET data-source" => Some("Security Token"),
            _ => None,
        }
    }

    /// Behind a redirect that answered a POST: its failure leaves open what became of the POST.
    fn is_answer_of_post(&self) -> bool {
        self.before.is_some_and(|before| before.status == 302 && before.method == "POST")
    }

    /// No answer to a request that only reads had no effect; any other may have had one.
    fn broken(&self) -> Expected {
        let reads = self.request.method == "GET" && !self.is_answer_of_post();
        Expected::Again(if reads { Class::Transient } else { Class::Indeterminate })
    }

    fn on_page(expected: Expected, holds: bool) -> Expected {
        if holds { expected } else { Expected::Quiet }
    }

    fn label_fault(label: &str, found: u32) -> Expected {
        let words = ["exactly one", &format!("\"{label}\""), &format!("found {found}"), "shows:"];
        Expected::Stuck(Class::Permanent, words.map(str::to_owned).to_vec())
    }

    /// What is to become of a rotation that this fault hits here.
    pub(super) fn expected(&self, fault: &Fault) -> Expected {
        if self.is_log_out() {
            return Expected::Quiet;
        }
        match fault {
            Fault::Delay(delay) => Self::on_page(self.broken(), *delay > PATIENCE),
            // It says itself that nothing was done, whatever was asked.
            Fault::Status(503) if !self.is_answer_of_post() => Expected::Again(Class::Transient),
            Fault::Status(_) | Fault::ResetBefore | Fault::ResetAfter | Fault::NoAnswer => {
                self.broken()
            }
            Fault::Truncated => Self::on_page(self.broken(), self.has_page()),
            Fault::CutShort | Fault::WrongEncoding => {
                Self::on_page(Expected::Again(Class::Indeterminate), self.has_page())
            }
            // A login page in answer to a login is a refusal: it may not be tried again.
            Fault::SessionExpired => {
                let words = vec!["refused the login".to_owned()];
                Self::on_page(Expected::Stuck(Class::Rejected, words), self.is_login())
            }
            // Where the remembered login page is another one, the console is entered anew.
            Fault::ConfirmIp if self.is("GET login") && self.is_repeated => Expected::Quiet,
            Fault::ConfirmIp => {
                let words = ["IP address confirmed", "My Company"].map(str::to_owned).to_vec();
                Expected::Stuck(Class::Permanent, words)
            }
            // The menu's own page has what its first page lacks; without one, the menu is a script.
            Fault::MissingLabel(label) if label == "Data Sync" => {
                let words = vec!["built by a script".to_owned()];
                let stuck = Expected::Stuck(Class::Permanent, words);
                Self::on_page(stuck, !self.has_addresses)
            }
            Fault::MissingLabel(label) => Self::label_fault(label, 0),
            Fault::DoubledLabel(label) => Self::label_fault(label, 2),
        }
    }

    /// Whether the console logs a session in that nobody gets to know of.
    pub(super) fn may_leave_session(&self, fault: &Fault) -> bool {
        let is_too_slow = matches!(fault, Fault::Delay(delay) if *delay > PATIENCE);
        self.is_log_out() || self.is_login() || is_too_slow
    }
}
