//! A line to a PostgreSQL server that a test cuts, makes slow, or holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// What PostgreSQL calls the socket in a directory.
const SOCKET: &str = ".s.PGSQL.5432";

/// How a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Well,
    /// Whatever passes takes this much longer, in each direction.
    Slow(Duration),
    /// Nothing passes, and nobody is told; it passes once the line is well again.
    Held,
    /// Every connection is broken, and no new one is taken.
    Cut,
}

/// A relay between a socket of its own and a server's; it lives as long as the test's runtime.
pub(super) struct Line {
    directory: TempDir,
    state: watch::Sender<State>,
}

impl Line {
    /// A line to the server with its socket in this directory.
    pub(super) fn to(server: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let (state, seen) = watch::channel(State::Well);
        let far = server.join(SOCKET);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *seen.borrow() != State::Cut {
                    tokio::spawn(carry(near, far.clone(), seen.clone()));
                }
            }
        });
        Self { directory, state }
    }

    /// A database's address, over this line.
    pub(super) fn url(&self, user: &str, database: &str) -> String {
        let socket = self.directory.path().display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{socket}/{database}")
    }

    pub(super) fn become_(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn carry(near: UnixStream, far: PathBuf, state: watch::Receiver<State>) {
    let Ok(far) = UnixStream::connect(far).await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let mut cut = state.clone();
    tokio::select! {
        () = pass(from_near, to_far, state.clone()) => {}
        () = pass(from_far, to_near, state) => {}
        // An error is the end of the test.
        _ = cut.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await
        && count > 0
    {
        let now = *state.borrow();
        if let State::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        let goes_on = state.wait_for(|state| *state != State::Held).await.is_ok();
        if !goes_on || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
