//! A secret in a file of its own, for commands.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::domain::secret::SecretText;

/// No more is read; a secret's file holds a line.
const MAX_BYTES: u64 = 64 << 10;

/// Reads a secret from a file; space around it is not part of it.
pub(super) fn read(path: &Path) -> io::Result<SecretText> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(SecretText::new(text.trim().to_owned()))
}
