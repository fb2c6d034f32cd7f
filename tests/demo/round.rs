//! One reset in both worlds at the same moment, watched until both have come to rest.

use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::phase::Phase;
use reset_receiver::operator::view::RotationView;
use reset_receiver::ports::clock::Clock;
use simulator::Credential;

use crate::receiver::{Files, Receiver};
use crate::screen::{Screen, Side};
use crate::sender::Sender;
use crate::story::Story;
use crate::trouble::Trouble;
use crate::vault_stand_in::VaultStandIn;
use crate::world::{SYNC_EVERY, Tally, World};

/// So long after the reset somebody puts the new secret into Vault.
pub(crate) const SECRET_AFTER: Duration = Duration::from_secs(2);
/// After so long it is what it is.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often everybody is looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// A sync that is no older than this was just now.
const JUST_NOW: Duration = Duration::from_millis(250);

/// Everything that takes part.
pub(crate) struct Stage {
    pub(crate) with: World,
    pub(crate) without: World,
    pub(crate) vault: VaultStandIn,
    pub(crate) files: Files,
    pub(crate) sender: Sender,
}

/// How a reset ended in both worlds.
pub(crate) struct Ending {
    pub(crate) reset_at: Timestamp,
    /// When the last connector was seen to be disabled.
    pub(crate) contained_at: Option<Timestamp>,
    /// Where the rotation stands.
    pub(crate) rotation: RotationView,
    pub(crate) with: Tally,
    pub(crate) without: Tally,
}

impl Stage {
    /// Resets the password in both worlds, tells the receiver, and tells a person what happens.
    pub(crate) async fn play(
        &self,
        receiver: &Receiver,
        screen: &mut Screen,
        password: &str,
    ) -> Result<Ending, Trouble> {
        self.quiet_moment().await?;
        let reset_at = SystemClock.now();
        let new = self.with.reset(password)?;
        self.without.reset(password)?;
        let mut story = Story::new(reset_at);
        screen.head()?;
        let what = "the password and the security token are reset".to_owned();
        story.note(reset_at, Side::Both, "Salesforce", what);
        let organization = self.with.simulator.salesforce().organization_id();
        let told = self.sender.tell(receiver.hooks, organization, &new, reset_at).await?;
        let what = format!("has sent a signed notice over HTTPS: {}", told.status);
        story.note(SystemClock.now(), Side::With, "sender", what);
        let mut stored = false;
        loop {
            if !stored && later(reset_at, SECRET_AFTER) <= SystemClock.now() {
                self.store(&mut story, &new).await?;
                stored = true;
            }
            let rotation = receiver.client.rotation(told.rotation).await?;
            story.read(&rotation);
            story.watch(Side::With, &self.with.logins_since(reset_at));
            story.watch(Side::Without, &self.without.logins_since(reset_at));
            let now = SystemClock.now();
            story.tell(screen, now)?;
            let with = self.with.tally(reset_at)?;
            let without = self.without.tally(reset_at)?;
            let phase = rotation.summary.phase;
            let over = phase.is_finished() && with.all_logged_in && without.is_locked;
            if over || phase == Phase::Stuck || later(reset_at, PATIENCE) <= now {
                story.end(screen)?;
                let contained_at = story.contained_at;
                return Ok(Ending { reset_at, contained_at, rotation, with, without });
            }
            SystemClock.sleep(GLANCE).await;
        }
    }

    async fn store(&self, story: &mut Story, new: &Credential) -> Result<(), Trouble> {
        let version = self.sender.store(&self.vault, &self.files.vault_token, new).await?;
        let what = format!("is given the new secret, as version {version}");
        story.note(SystemClock.now(), Side::With, "Vault", what);
        Ok(())
    }

    /// Waits until every enabled connector of both worlds has synced just now, so that the next
    /// sync is as far away as it can be, and the same for both.
    async fn quiet_moment(&self) -> Result<(), Trouble> {
        let bound = SYNC_EVERY * 5;
        let deadline = later(SystemClock.now(), bound);
        loop {
            let now = SystemClock.now();
            let recently = now.checked_sub(JUST_NOW).unwrap_or(now);
            if has_synced(&self.with, recently) && has_synced(&self.without, recently) {
                return Ok(());
            }
            if deadline <= now {
                let what = "the connectors of the simulated worlds did not sync together";
                return Err(Trouble::Late { what, seconds: bound.as_secs() });
            }
            SystemClock.sleep(GLANCE).await;
        }
    }
}

/// Whether every connector that is enabled has logged in since then.
fn has_synced(world: &World, then: Timestamp) -> bool {
    let logins = world.logins_since(then);
    let synced = |caller| logins.iter().any(|login| login.caller == caller);
    world.enabled_connectors().all(synced)
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}
