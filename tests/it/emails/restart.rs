//! What a relay's proof is still good for after the receiver has begun anew, and remembers nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::secret::{SecretLocation, SecretText, SecretVersion};
use reset_receiver::hooks::limits::Limits;
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, Stored};
use reset_receiver::ports::secret_writer::{SecretWriteError, SecretWriter};
use reset_receiver::senders::email::relay::Relay;

use super::amazon::Signer;
use super::post::{TOKEN, token_mail};
use super::relays::{mailbox, source};
use super::{events, send, told};
use crate::support::mail_town::MailTown;
use crate::support::public_listener::{PublicListener, at_now};
use crate::support::sender::Sender;

/// A Vault whose secret is older than every mail, so that each mail's token is news to it.
#[derive(Default)]
struct OldVault(Mutex<Vec<String>>);

impl OldVault {
    /// The tokens that were written since the last time.
    fn written(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl SecretStore for OldVault {
    async fn read(&self, _: &SecretLocation) -> Result<Stored, SecretStoreError> {
        let (version, written_at) = (SecretVersion(1), Timestamp::UNIX_EPOCH);
        Ok(Stored::Present { version, written_at, fields: BTreeMap::new() })
    }

    async fn current_version(
        &self,
        _: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        Ok(Some(SecretVersion(1)))
    }
}

#[async_trait]
impl SecretWriter for OldVault {
    async fn patch_field(
        &self,
        _: &SecretLocation,
        _: &str,
        value: &SecretText,
        _: SecretVersion,
    ) -> Result<SecretVersion, SecretWriteError> {
        self.0.lock().unwrap().push(value.expose().to_owned());
        Ok(SecretVersion(2))
    }
}

/// Mailgun, and a Vault that mailed tokens go into.
fn town(vault: &Arc<OldVault>) -> MailTown {
    let mut mailbox = mailbox(Relay::Mailgun);
    mailbox.write_token = true;
    let sources = vec![source("mailgun", mailbox, 1_000)];
    MailTown::with_vault(sources, Signer::web(), Arc::clone(vault))
}

#[tokio::test]
async fn a_signature_of_mailguns_brings_one_mail_in_and_no_other_one_after_a_restart() {
    let vault = Arc::new(OldVault::default());
    let limits = Limits::default();
    let listener = PublicListener::with_mails(limits, 1_000, at_now(), town(&vault)).await;
    let first = token_mail("first").by(Relay::Mailgun);
    assert_eq!(told(&send(&Sender::to(&listener), &first).await), (200, "accepted"));
    assert_eq!(vault.written(), [TOKEN]);
    let known = events(&listener).await;

    let listener = listener.restarted(town(&vault)).await;
    let sender = Sender::to(&listener);
    let body = String::from_utf8(first.body.clone()).unwrap();
    let other = body.replace("first%40", "other%40").replace(TOKEN, "AnotherZz9Yy8Xx7Ww6Vv5U4");
    assert_ne!(other, body);
    let other = first.clone().with_body(other);
    assert_eq!(told(&send(&sender, &other).await), (200, "duplicate"));
    assert_eq!(events(&listener).await, known, "it is no event");
    assert!(vault.written().is_empty(), "and its token is not believed");

    let listener = listener.restarted(town(&vault)).await;
    let sender = Sender::to(&listener);
    assert_eq!(told(&send(&sender, &first).await), (200, "duplicate"), "the same mail is well");
    assert_eq!(events(&listener).await, known);
}
