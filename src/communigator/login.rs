//! Logging in, once: the login page, the second factor, and what only a person can get past.

use std::sync::Mutex;
use std::time::Duration;

use url::Url;

use crate::communigator::form::{Entries, Request};
use crate::communigator::halt::Halt;
use crate::communigator::page::Page;
use crate::communigator::profile::Label;
use crate::communigator::route::Memory;
use crate::communigator::totp;
use crate::communigator::walk::Walk;
use crate::domain::secret::SecretText;
use crate::ports::clock::Clock;
use crate::ports::console::{ConsoleLogin, Trouble};

/// What a login needs beside the walker.
pub(super) struct Gate<'a> {
    /// Where the console starts.
    pub base: &'a Url,
    /// What the account's earlier sessions learned.
    pub memory: &'a Memory,
    /// The step of time of the account's last code.
    pub last_code: &'a Mutex<Option<u64>>,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl Gate<'_> {
    /// Logs a walker in.
    pub(super) async fn log_in(&self, walk: &mut Walk, login: &ConsoleLogin) -> Result<(), Halt> {
        let page = self.login_page(walk).await?;
        walk.stops(&page)?;
        let labels = &walk.profile().login;
        let entries = [(&labels.username, &login.username), (&labels.password, &login.password)];
        let behind = submit(walk, &page, &entries, &labels.submit).await?;
        if walk.is_login(&behind) {
            return Err(Trouble::LoginRefused.into());
        }
        let behind = if walk.asks_for_code(&behind) {
            self.second_factor(walk, &behind, login).await?
        } else {
            behind
        };
        walk.stops(&behind)?;
        if behind.status >= 400 {
            return Err(behind.changed("page behind the login", 0, behind.line_texts()).into());
        }
        self.memory.set_login(Some(page.url.clone()));
        walk.start(behind);
        Ok(())
    }

    async fn login_page(&self, walk: &Walk) -> Result<Page, Halt> {
        if let Some(url) = self.memory.login() {
            let page = walk.fetch("login", Request::get(url, None)).await?;
            if walk.is_login(&page) {
                return Ok(page);
            }
            self.memory.set_login(None);
        }
        walk.fetch("login", Request::get(self.base.clone(), None)).await
    }

    async fn second_factor(
        &self,
        walk: &Walk,
        page: &Page,
        login: &ConsoleLogin,
    ) -> Result<Page, Halt> {
        let Some(secret) = &login.totp else { return Err(Trouble::SecondFactor.into()) };
        let code = totp::code(secret, self.unused_step().await)?;
        let labels = &walk.profile().second_factor;
        let behind = submit(walk, page, &[(&labels.code, &code)], &labels.submit).await?;
        if walk.asks_for_code(&behind) || walk.is_login(&behind) {
            return Err(Trouble::CodeRefused.into());
        }
        Ok(behind)
    }

    /// A step of time whose code was not sent yet: a code is good for one login (RFC 6238, 5.2),
    /// and a rotation logs in twice.
    async fn unused_step(&self) -> u64 {
        // Two rounds are enough: after the wait the clock has reached the next step.
        for _ in 0..2 {
            let step = totp::step(self.clock.now());
            if self.claim(step) {
                return step;
            }
            self.clock.sleep(Duration::from_secs(totp::STEP_SECONDS)).await;
        }
        totp::step(self.clock.now())
    }

    fn claim(&self, step: u64) -> bool {
        let last = self.last_code.lock();
        let mut last = last.unwrap_or_else(std::sync::PoisonError::into_inner);
        let unused = *last != Some(step);
        *last = Some(step);
        unused
    }
}

/// Fills in the fields that the labels name, all in one form, and presses its button.
async fn submit(
    walk: &Walk,
    page: &Page,
    fields: &[(&Label, &SecretText)],
    button: &Label,
) -> Result<Page, Halt> {
    let mut entries = Entries::default();
    let mut form = None;
    for (label, text) in fields {
        let field = page.field(label, form)?;
        form = form.or(page.controls.get(field).and_then(|control| control.form));
        entries.typed.push((field, text.expose()));
    }
    let action = page.pressable(button, form)?;
    match Request::pressing(page, action, &entries)? {
        Some(request) => walk.fetch(button.name(), request).await,
        None => Err(Trouble::NeedsScript { page: page.name().to_owned() }.into()),
    }
}
