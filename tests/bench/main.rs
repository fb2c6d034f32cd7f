//! What durable intake costs: signed events over TLS, written to disk before they are answered,
//! beside a server of the same make that answers a constant.
//!
//! ```text
//! cargo run --release --package bench -- [--seconds 5] [--rounds 3] [--clients 128]
//! ```
//!
//! Everything runs in this process on this machine: the servers, and the clients that load them.
//! The clients' own work is in every number, the constant server's included. First each server is
//! driven as hard as the clients can, in turns, and the middle round of each counts; then each
//! gets half of its own peak, evenly spaced, and the time from when a request was due to its last
//! byte is what the percentiles are of. The middle round counts there too, and the worst one is
//! shown beside it: what a database does once a minute to keep house takes a core for a third of a
//! second, and falls into one of them or into none. PostgreSQL is a cluster of this run's own;
//! `PG_BIN` names the directory of its programs, and without it that row is missing.
//!
//! All of it is done twice. First each event comes over a connection of its own, as resets do: a
//! login is reset once in weeks, and no sender keeps a connection so long. The goal is for these: at
//! least half of what the constant server reaches, and 99 of 100 within 25 ms at half of the peak.
//! Handshakes are most of that, for every server alike, so that it says what senders see and little
//! about the intake. Then the clients keep their connections, which leaves little but the intake
//! itself: it is the harsher comparison, and the one in which a change of the intake shows. What
//! bounds it is measured last: what the stores take of events that are handed to them without any
//! request.
//!
//! `constant` is the framework's own server, which looks at nothing. `refusing` is the receiver's
//! listener with all that it does before it writes anything down: it verifies, and answers a
//! constant because the signature is a stranger's. What lies between the two is what looking costs;
//! what lies below the second is what durability costs.

mod constant;
mod direct;
mod load;
mod receiver;
mod support;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use reset_receiver::clock::SystemClock;
use reset_receiver::ports::journal::Journal;
use reset_receiver::store::SqliteStore;

use crate::load::{Connecting, Load, Paced, Server, Signed};
use crate::support::postgres::Postgres;

#[derive(Parser)]
struct Arguments {
    /// How long each measurement takes, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many clients there are, each of which waits for its answer.
    #[arg(long, default_value_t = 128)]
    clients: usize,
}

/// A server and what it is called.
type Contender = (&'static str, Server);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock);
    let sqlite = SqliteStore::open(&directory.path().join("journal.db"), clock).await.unwrap();
    let receiver = receiver::start(Arc::new(sqlite));
    let refusing = Server { signed: Signed::Wrongly, ..receiver.server.clone() };
    let mut contenders = vec![("constant", constant::start()), ("refusing", refusing)];
    let mut receivers = vec![("SQLite", receiver)];
    if has_postgres() {
        let store = Postgres::shared().database().await.open().await;
        let journal: Arc<dyn Journal> = Arc::new(store);
        receivers.push(("PostgreSQL", receiver::start(journal)));
    }
    contenders.extend(receivers.iter().map(|(name, receiver)| (*name, receiver.server.clone())));
    let mut out = std::io::stdout().lock();
    writeln!(out, "Each event over a connection of its own:")?;
    compare(&mut out, &contenders, &arguments, Connecting::Anew).await?;
    writeln!(out, "\nOver connections that are kept:")?;
    compare(&mut out, &contenders, &arguments, Connecting::Once).await?;
    writeln!(out, "\nWithout a request, handed to the intake by as many at once:")?;
    let length = Duration::from_secs(arguments.seconds);
    for (name, receiver) in &receivers {
        let mut peaks = Vec::new();
        for _ in 0..arguments.rounds.max(1) {
            peaks.push(direct::peak(&receiver.intake, arguments.clients, length).await);
        }
        writeln!(out, "{name:<12} {:>10.0}", middle(peaks))?;
    }
    Ok(())
}

/// Measures the servers in turns, and prints a table of them; the first is what the others are
/// compared with.
async fn compare(
    out: &mut impl Write,
    contenders: &[Contender],
    arguments: &Arguments,
    connecting: Connecting,
) -> std::io::Result<()> {
    let length = Duration::from_secs(arguments.seconds);
    let rounds = arguments.rounds.max(1);
    let mut peaks = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for ((_, server), peaks) in contenders.iter().zip(&mut peaks) {
            let load = Load::new(server, arguments.clients, connecting).await;
            peaks.push(load.peak(length).await);
        }
    }
    let peaks: Vec<f64> = peaks.into_iter().map(middle).collect();
    let mut paced: Vec<Vec<Paced>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (((_, server), peak), paced) in contenders.iter().zip(&peaks).zip(&mut paced) {
            let load = Load::new(server, arguments.clients, connecting).await;
            paced.push(load.paced(peak / 2.0, length).await);
        }
    }
    writeln!(
        out,
        "{:<12} {:>10} {:>10} {:>22} {:>10} {:>10} {:>10}",
        "", "peak", "of the", "at half of its peak:", "", "", "worst"
    )?;
    writeln!(
        out,
        "{:<12} {:>10} {:>10} {:>22} {:>10} {:>10} {:>10}",
        "intake", "1/s", "constant", "1/s", "p50 ms", "p99 ms", "p99 ms"
    )?;
    for (((name, _), peak), mut paced) in contenders.iter().zip(&peaks).zip(paced) {
        paced.sort_by_key(|paced| paced.percentile(0.99));
        let (usual, worst) = (&paced[rounds / 2], &paced[rounds - 1]);
        let ms = |paced: &Paced, part| paced.percentile(part).as_secs_f64() * 1e3;
        writeln!(
            out,
            "{name:<12} {peak:>10.0} {:>9.0}% {:>22.0} {:>10.1} {:>10.1} {:>10.1}",
            100.0 * peak / peaks[0],
            usual.rate,
            ms(usual, 0.50),
            ms(usual, 0.99),
            ms(worst, 0.99),
        )?;
    }
    Ok(())
}

fn middle(mut peaks: Vec<f64>) -> f64 {
    peaks.sort_by(f64::total_cmp);
    peaks[peaks.len() / 2]
}

fn has_postgres() -> bool {
    std::env::var_os("PG_BIN").is_some()
}
