//! A version that Vault is said to hold while a rotation is under way.

use std::time::Duration;

use super::story::{
    Story, at, chosen, completed, connector, disabled, enabling, found_disabled, integration,
    refused, reset, update, updating,
};
use crate::domain::entry::{Entry, Outcome};
use crate::domain::event::ResetKind;
use crate::domain::ids::{AccountName, EventId, OrganizationId, SourceName, TargetName, Username};
use crate::domain::plan::Next;
use crate::domain::proof::Prove;
use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::domain::target::{SecretFields, Target, UpdateOrder};

fn announced(version: u64) -> Entry {
    told(Some(version))
}

fn told(version: Option<u64>) -> Entry {
    Entry::Admitted {
        source: SourceName::parse("vault").unwrap(),
        event_id: EventId::parse("announced").unwrap(),
        kind: ResetKind::SecretWritten,
        occurred_at: at(5_000),
        version: version.map(SecretVersion),
    }
}

fn next(story: &Story) -> Next {
    let target = Target {
        name: TargetName::parse("acme").unwrap(),
        organization: OrganizationId::parse("00D5e000001AbCd").unwrap(),
        username: Username::parse("gator@example.com").unwrap(),
        user_id: None,
        secret: SecretLocation { mount: "secret".to_owned(), path: "acme".to_owned() },
        fields: SecretFields::default(),
        needs_token: true,
        prove: Prove::Not,
        account: AccountName::parse("console").unwrap(),
        surfaces: vec![connector("a"), connector("b"), integration()],
        order: UpdateOrder::default(),
    };
    story.fold().next(&target, None, Duration::from_mins(10))
}

#[test]
fn vault_is_asked_again_before_anything_older_goes_on() {
    let stories = [
        Story::contained().and([chosen(7, 100)]),
        Story::updated(),
        Story::enabled(),
        Story::confirmed(),
    ];
    for story in stories {
        let story = story.and([announced(8)]);
        assert_eq!(next(&story), Next::AwaitSecret);
        let rotation = story.fold();
        for entry in [updating(integration(), 7), enabling("a", 7), completed(Outcome::Confirmed)] {
            assert!(rotation.permits(&entry, at(9_000)).is_err(), "{entry}");
        }
        let newer = story.and([chosen(8, 100)]);
        assert!(!newer.fold().is_superseded());
        assert_ne!(next(&newer), Next::AwaitSecret);
    }
}

#[test]
fn a_write_without_a_number_asks_vault_once() {
    let story = Story::confirmed().and([told(None)]);
    assert_eq!(next(&story), Next::AwaitSecret);
    assert!(story.fold().permits(&completed(Outcome::Confirmed), at(9_000)).is_err());
    let same = story.and([chosen(7, 100)]);
    assert_eq!(next(&same), Next::Confirm, "it is the chosen one, which every surface holds");
    let untouched = same.fold().tracks.values().all(|track| !track.ours);
    assert!(untouched, "nothing is stopped for it");
}

#[test]
fn what_came_of_a_version_is_told_although_a_newer_one_was_announced() {
    let version = SecretVersion(7);
    let begun = Story::contained().and([chosen(7, 100), Entry::Proving { version }]);
    let story = begun.and([announced(8)]);
    let said = "INVALID_LOGIN".to_owned();
    let rejected = story.clone().and([Entry::Rejected { version, said }]).fold();
    assert_eq!((rejected.rejected, rejected.secret), (Some(version), None));
    assert!(story.and([Entry::Proved { version }]).fold().is_superseded());
    let refused = Story::enabled().and([announced(8), refused()]).fold();
    assert_eq!(refused.rejected, Some(version));
}

#[test]
fn an_announcement_of_what_is_chosen_changes_nothing() {
    let story = Story::updated();
    let told = story.clone().and([announced(7), announced(6)]);
    assert_eq!(next(&told), next(&story));
    let (told, untold) = (told.fold(), story.fold());
    assert_eq!((told.news_at, told.tracks), (untold.news_at, untold.tracks));
    assert_eq!(told.reset.latest, untold.reset.latest);
}

#[test]
fn a_reset_after_a_mere_write_is_news_and_contains() {
    let surfaces = vec![connector("a"), connector("b"), integration()];
    let told = Story::nothing().and([Entry::Covers { surfaces }, announced(7)]);
    assert_eq!(next(&told), Next::AwaitSecret, "a mere write stops nothing");
    let told = told.and([reset(100)]);
    assert!(matches!(next(&told), Next::Contain(_)));
    let done = told
        .and(disabled("a"))
        .and([found_disabled("b"), chosen(7, 100)])
        .and(update(integration(), 7));
    assert_eq!(done.fold().reset.latest, at(100), "the reset's time, not the write's");
}
