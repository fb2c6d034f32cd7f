//! A process that stops a server once the test process ends, however that comes about.

use std::process::{Child, ChildStdin, Command, Stdio};

use std::os::unix::process::CommandExt;

/// The process that stops the server once its standard input ends.
pub(crate) struct Keeper {
    lifeline: Option<ChildStdin>,
    process: Child,
}

impl Keeper {
    /// A group of its own, so that an interrupt at the terminal does not stop it before the
    /// server.
    pub(crate) fn start(mut command: Command) -> Self {
        command.process_group(0).stdin(Stdio::piped());
        let mut process = command.spawn().expect("sh starts");
        Self { lifeline: process.stdin.take(), process }
    }

    /// Its own process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let ended = self.process.wait();
        assert!(ended.is_ok(), "the keeper of a server can be waited for");
    }
}
