//! A disk of a few megabytes that a test fills: a file system in memory that only the program sees.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::decay::told::until;
use crate::support::keeper::Keeper;

/// Mounts it and stays until standard input ends, which it does when the test process does; the
/// file system ends with the last process that sees it.
const KEEPER: &str = r#"mount -t tmpfs -o "size=$2" none "$1" && : >"$1/mounted"; exec cat"#;

/// A small disk, of which only processes that are started through it know.
pub(super) struct SmallDisk {
    keeper: Keeper,
    place: TempDir,
}

impl SmallDisk {
    pub(super) async fn of(size: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c", KEEPER, "keeper"]).arg(place.path()).arg(size);
        let disk = Self { keeper: Keeper::start(command), place };
        until("a small disk is mounted", async || disk.seen().join("mounted").exists()).await;
        disk
    }

    /// Where it is for a program that is started through it.
    pub(super) fn place(&self) -> &Path {
        self.place.path()
    }

    /// The same place for everybody else.
    pub(super) fn seen(&self) -> PathBuf {
        let below = self.place().strip_prefix("/").unwrap();
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(below)
    }

    /// The beginning of a command that runs where the disk is.
    pub(super) fn through(&self) -> Command {
        let spaces = format!("/proc/{}/ns", self.keeper.id());
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount={spaces}/mnt"));
        if !is_root() {
            command.arg(format!("--user={spaces}/user")).arg("--preserve-credentials");
        }
        command
    }

    /// Leaves not a byte free.
    pub(super) fn fill(&self) {
        let mut ballast = File::create(self.seen().join("ballast")).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    /// Makes room again.
    pub(super) fn free(&self) {
        fs::remove_file(self.seen().join("ballast")).unwrap();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}
