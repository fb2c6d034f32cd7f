//! `kill -9` around the proving login never makes it two.

use std::time::{Duration, Instant};

use simulator::{Fault, Match, Times};

use super::bench::{Scene, Way};

/// The number of the write that announces the login, counted in a run without a kill.
async fn write_of_the_announcement() -> u64 {
    let mut scene = Scene::new(Way::Soap).await;
    scene.reset_and_tell().await;
    scene.until("confirmed").await;
    let entries = scene.entries().await;
    let proving = entries.iter().position(|entry| entry == "proving").unwrap();
    // The first two entries are one write, and rows are counted from 1.
    u64::try_from(proving).unwrap()
}

async fn until_dead(scene: &mut Scene, plan: &str) {
    let began = Instant::now();
    while !scene.receiver.is_dead() {
        let log = scene.receiver.log();
        assert!(began.elapsed() < Duration::from_mins(1), "{plan}: it lives\n{log}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_write_around_the_login_there_is_one_login() {
    let announced = write_of_the_announcement().await;
    // The announcement, what came of the login, the decision, and the writes beside them.
    for number in announced - 1..=announced + 3 {
        for moment in ["before", "after"] {
            for is_right in [true, false] {
                let plan = format!("{moment}:{number}");
                let told = format!("{plan}, right: {is_right}");
                let mut scene = Scene::dying(Way::Soap, &plan).await;
                let right = if is_right {
                    scene.reset_and_tell().await
                } else {
                    scene.reset_and_tell_wrongly().await
                };
                // A rotation with a wrong secret ends earlier, and may have had fewer writes.
                if is_right || number <= announced + 2 {
                    until_dead(&mut scene, &plan).await;
                }
                scene.restart();
                let end = scene.until_one_of(&["confirmed", "stuck"]).await;
                let entries = scene.entries().await;
                assert!(scene.requests("POST soap-login") <= 1, "{told}: {entries:?}");
                let announcements = entries.iter().filter(|entry| *entry == "proving").count();
                assert_eq!(announcements, 1, "{told}: {entries:?}");
                let is_unproven = entries.iter().any(|entry| entry == "unproven");
                if is_right {
                    assert_eq!(end, "confirmed", "{told}: {entries:?}");
                    assert!(scene.held().iter().all(|held| *held == right), "{told}");
                } else {
                    // Where the answer was lost with the process, nothing speaks against the
                    // secret any more.
                    assert_eq!(end == "stuck", !is_unproven, "{told}: {entries:?}");
                }
                let failed = scene.logins().iter().filter(|l| !l.outcome.is_usable()).count();
                assert!(failed <= usize::from(!is_right), "{told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_answer_is_under_way_spends_the_login() {
    let mut scene = Scene::new(Way::Soap).await;
    let slow = Fault::Delay(Duration::from_mins(1));
    scene.town.simulator.fault(Match::request("POST soap-login"), slow, Times::Always);
    let new = scene.reset_and_tell().await;
    scene.until_so("a login", |scene| scene.requests("POST soap-login") == 1).await;
    scene.restart();
    scene.until("confirmed").await;
    assert_eq!(scene.requests("POST soap-login"), 1);
    assert!(scene.held().iter().all(|held| *held == new));
    let journal = scene.journal().await.to_string();
    assert!(journal.contains("was cut off before an answer was kept"), "{journal}");
}
