//! What a listener needs to take mails, and stand-ins for Amazon and for a Vault nobody writes to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reset_receiver::domain::secret::{SecretLocation, SecretText, SecretVersion};
use reset_receiver::engine::mailed_token::MailedTokens;
use reset_receiver::engine::targets::Targets;
use reset_receiver::hooks::Mails;
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, Stored};
use reset_receiver::ports::secret_writer::{SecretWriteError, SecretWriter};
use reset_receiver::ports::web::{Web, WebTrouble};
use reset_receiver::senders::email::opening::Memory;
use reset_receiver::senders::source::Source;
use url::Url;

use super::public_listener::acme;

/// The sources of mails of a listener, and what they need.
pub(crate) struct MailTown {
    pub(crate) sources: Vec<Source>,
    pub(crate) mails: Mails,
}

impl MailTown {
    /// Sources whose tokens go nowhere.
    pub(crate) fn new(sources: Vec<Source>, web: Arc<dyn Web>) -> Self {
        Self::with_vault(sources, web, Arc::new(NoVault))
    }

    /// Sources whose tokens go into a Vault.
    pub(crate) fn with_vault<V: SecretStore + SecretWriter + 'static>(
        sources: Vec<Source>,
        web: Arc<dyn Web>,
        vault: Arc<V>,
    ) -> Self {
        let reader: Arc<dyn SecretStore> = Arc::<V>::clone(&vault);
        let tokens = MailedTokens::new(Arc::new(Targets::new([acme()])), reader, vault);
        Self { sources, mails: Mails { memory: Memory::new(web), tokens } }
    }
}

impl Default for MailTown {
    fn default() -> Self {
        Self::new(Vec::new(), Arc::new(FewPages::default()))
    }
}

/// A web of few pages; everything else is 404. It notes every visit.
#[derive(Default)]
pub(crate) struct FewPages {
    pages: Mutex<HashMap<String, String>>,
    visits: Mutex<Vec<String>>,
}

impl FewPages {
    pub(crate) fn publish(&self, url: &str, page: &str) {
        self.pages.lock().unwrap().insert(url.to_owned(), page.to_owned());
    }

    pub(crate) fn remove(&self, url: &str) {
        self.pages.lock().unwrap().remove(url);
    }

    /// The addresses that were visited since the last time.
    pub(crate) fn visits(&self) -> Vec<String> {
        std::mem::take(&mut *self.visits.lock().unwrap())
    }
}

#[async_trait]
impl Web for FewPages {
    async fn get(&self, url: &Url) -> Result<Vec<u8>, WebTrouble> {
        self.visits.lock().unwrap().push(url.to_string());
        let page = self.pages.lock().unwrap().get(url.as_str()).cloned();
        page.map(String::into_bytes).ok_or(WebTrouble::Status(404))
    }
}

/// A Vault that nobody may ask: the sources at hand keep no token.
struct NoVault;

#[async_trait]
impl SecretStore for NoVault {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        panic!("{location} was read")
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        panic!("{location} was looked at")
    }
}

#[async_trait]
impl SecretWriter for NoVault {
    async fn patch_field(
        &self,
        location: &SecretLocation,
        _: &str,
        _: &SecretText,
        _: SecretVersion,
    ) -> Result<SecretVersion, SecretWriteError> {
        panic!("{location} was written")
    }
}
