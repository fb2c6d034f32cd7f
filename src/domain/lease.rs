//! A claim on a console account that expires, and the number that it carries.

use jiff::Timestamp;

use crate::domain::ids::AccountName;

/// A claim on a console account. While it lasts, its holder alone drives that account.
///
/// The fence grows with every claim of the account. Each write names its fence, and the store
/// refuses a write whose fence is not the newest or whose lease has expired; so a worker that
/// was stopped past its lease and wakes up can write nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The account.
    pub account: AccountName,
    /// The number of this claim.
    pub fence: u64,
    /// Until when it lasts, unless it is renewed.
    pub expires_at: Timestamp,
}
