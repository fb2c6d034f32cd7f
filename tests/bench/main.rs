//! What durable intake costs: signed events over TLS, written to disk before they are answered,
//! beside a server of the same make that answers a constant.
//!
//! ```text
//! cargo run --release --package bench -- [--seconds 5] [--rounds 3] [--connections 128]
//! ```
//!
//! Everything runs in this process on this machine: the servers, and the clients that load them.
//! The clients' own work is in every number, the constant server's included. First each server is
//! driven as hard as the connections can, in turns, and the middle round of each counts; then each
//! gets half of its own peak, evenly spaced, and the time from when a request was due to its last
//! byte is what the percentiles are of. PostgreSQL is a cluster of this run's own; `PG_BIN` names
//! the directory of its programs, and without it that row is missing.
//!
//! `constant` is the framework's own server, which looks at nothing. `refusing` is the receiver's
//! listener with all that it does before it writes anything down: it verifies, and answers a
//! constant because the signature is a stranger's. What lies between the two is what looking costs;
//! what lies below the second is what durability costs.

mod constant;
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

use crate::load::{Load, Server, Signed};
use crate::support::postgres::Postgres;

#[derive(Parser)]
struct Arguments {
    /// How long each measurement takes, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each peak is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many connections there are.
    #[arg(long, default_value_t = 128)]
    connections: usize,
}

/// A server, and the peaks that were measured of it, in requests per second.
struct Contender {
    name: &'static str,
    server: Server,
    peaks: Vec<f64>,
}

impl Contender {
    fn new(name: &'static str, server: Server) -> Self {
        Self { name, server, peaks: Vec::new() }
    }

    fn peak(&self) -> f64 {
        let mut peaks = self.peaks.clone();
        peaks.sort_by(f64::total_cmp);
        peaks[peaks.len() / 2]
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let (length, connections) = (Duration::from_secs(arguments.seconds), arguments.connections);
    let directory = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock);
    let sqlite = SqliteStore::open(&directory.path().join("journal.db"), clock).await.unwrap();
    let receiver = receiver::start(Arc::new(sqlite));
    let mut contenders = vec![
        Contender::new("constant", constant::start()),
        Contender::new("refusing", Server { signed: Signed::Wrongly, ..receiver.clone() }),
        Contender::new("SQLite", receiver),
    ];
    if has_postgres() {
        let store = Postgres::shared().database().await.open().await;
        let journal: Arc<dyn Journal> = Arc::new(store);
        contenders.push(Contender::new("PostgreSQL", receiver::start(journal)));
    }
    let mut out = std::io::stdout().lock();
    for _ in 0..arguments.rounds.max(1) {
        for contender in &mut contenders {
            let load = Load::new(&contender.server, connections).await;
            contender.peaks.push(load.peak(length).await);
        }
    }
    let constant = contenders[0].peak();
    writeln!(
        out,
        "{:<12} {:>10} {:>10} {:>22} {:>10} {:>10}",
        "", "peak", "of the", "at half of its peak:", "", ""
    )?;
    writeln!(
        out,
        "{:<12} {:>10} {:>10} {:>22} {:>10} {:>10}",
        "intake", "1/s", "constant", "1/s", "p50 ms", "p99 ms"
    )?;
    for contender in &contenders {
        let load = Load::new(&contender.server, connections).await;
        let paced = load.paced(contender.peak() / 2.0, length).await;
        writeln!(
            out,
            "{:<12} {:>10.0} {:>9.0}% {:>22.0} {:>10.1} {:>10.1}",
            contender.name,
            contender.peak(),
            100.0 * contender.peak() / constant,
            paced.rate,
            paced.percentile(0.50).as_secs_f64() * 1e3,
            paced.percentile(0.99).as_secs_f64() * 1e3,
        )?;
    }
    Ok(())
}

fn has_postgres() -> bool {
    std::env::var_os("PG_BIN").is_some()
}
