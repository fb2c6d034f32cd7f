//! One request for the versions of many secrets, where the store lists the folder that they share.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::ids::TargetName;
use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::domain::target::Target;
use crate::engine::watch::Watch;

/// How often a folder that is not listed is asked for again; the policy may have changed.
const UNLISTED_PAUSE: Duration = Duration::from_hours(1);

/// A mount and the path below it.
type Folder = (String, String);

/// Folders that the store did not list, and until when they are not asked for.
pub(super) type Unlisted = BTreeMap<Folder, Timestamp>;

impl Watch {
    /// The versions that a list tells. Whoever is not among them is asked for by itself, which
    /// also says what is wrong where something is.
    pub(super) async fn listed(&self) -> BTreeMap<TargetName, SecretVersion> {
        let mut shared: BTreeMap<Folder, Vec<(&Target, &str)>> = BTreeMap::new();
        for target in self.world.targets.iter() {
            let path = target.secret.path.trim_matches('/');
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = (target.secret.mount.trim_matches('/').to_owned(), folder.to_owned());
            shared.entry(folder).or_default().push((target, name));
        }
        let now = self.world.clock.now();
        let mut unlisted = self.unlisted.lock().await;
        let mut listed = BTreeMap::new();
        for (folder, targets) in shared.into_iter().filter(|(_, targets)| targets.len() > 1) {
            if unlisted.get(&folder).is_some_and(|until| now < *until) {
                continue;
            }
            let (mount, path) = folder.clone();
            match self.world.secrets.current_versions(&SecretLocation { mount, path }).await {
                Ok(Some(versions)) => {
                    let version = |(target, name): (&Target, &str)| {
                        versions.get(name).map(|version| (target.name.clone(), *version))
                    };
                    listed.extend(targets.into_iter().filter_map(version));
                }
                Ok(None) => {
                    let until = now.saturating_add(UNLISTED_PAUSE).unwrap_or(Timestamp::MAX);
                    unlisted.insert(folder, until);
                }
                Err(_) => break,
            }
        }
        listed
    }
}
