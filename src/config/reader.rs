//! Walks a TOML table and collects every fault instead of stopping at the first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use strsim::damerau_levenshtein;
use toml::{Table, Value};

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, with dots: `targets.acme.username`.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Everything that is wrong, in the order in which it was met.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Faults(Rc<RefCell<Vec<Fault>>>);

impl Faults {
    pub(in crate::config) fn add(&self, key: &str, problem: impl Into<String>) {
        self.0.borrow_mut().push(Fault { key: key.to_owned(), problem: problem.into() });
    }

    fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub(in crate::config) fn take(&self) -> Vec<Fault> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

/// One table of the configuration. Keys that nobody asked for are faults once it is finished.
pub(in crate::config) struct Reader<'t> {
    table: &'t Table,
    path: String,
    asked: BTreeSet<&'static str>,
    /// Whether it is not known which keys it may hold.
    is_open: bool,
    faults: Faults,
}

/// What was read of `[targets.NAME]` and its like.
pub(in crate::config) struct Named<T> {
    /// Those that could be read.
    pub(in crate::config) values: Vec<T>,
    /// The names of those that could not.
    pub(in crate::config) faulty: BTreeSet<String>,
    /// Whether not even the names could be read.
    is_unreadable: bool,
}

impl<T> Named<T> {
    /// Whether the file may have one of this name, so that it is no fault to name it.
    pub(in crate::config) fn may_have(&self, name: &str, is_it: impl Fn(&T) -> bool) -> bool {
        self.is_unreadable || self.faulty.contains(name) || self.values.iter().any(is_it)
    }
}

impl<'t> Reader<'t> {
    pub(in crate::config) fn root(table: &'t Table, faults: &Faults) -> Self {
        Self::of(table, String::new(), faults.clone())
    }

    fn of(table: &'t Table, path: String, faults: Faults) -> Self {
        Self { table, path, asked: BTreeSet::new(), is_open: false, faults }
    }

    /// The full name of a key of this table.
    pub(in crate::config) fn key(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    pub(in crate::config) fn fault(&self, key: &str, problem: impl Into<String>) {
        self.faults.add(&self.key(key), problem);
    }

    /// How many faults there are by now: where there are more later, what came in between is known to
    /// be wrong, and what would follow from it is not worth saying.
    pub(in crate::config) fn faults_so_far(&self) -> usize {
        self.faults.count()
    }

    /// Leaves the other keys be: which there may be hangs on one that is missing or wrong.
    pub(in crate::config) fn leave_open(&mut self) {
        self.is_open = true;
    }

    /// Whether a key is there at all.
    pub(in crate::config) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A value through `read`, or `None` where the key is absent or wrong; wrong is a fault.
    pub(in crate::config) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'t Value) -> Result<T, String>,
    ) -> Option<T> {
        self.asked.insert(key);
        match read(self.table.get(key)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(key, problem);
                None
            }
        }
    }

    /// The same, where absence is a fault as well.
    pub(in crate::config) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'t Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.asked.insert(key);
            self.fault(key, "is missing");
        }
        self.optional(key, read)
    }

    /// A table below this one; an absent one is read as an empty one, so that its required keys
    /// are named.
    pub(in crate::config) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let path = self.key(key);
        let empty = Table::new();
        let table = self.optional(key, as_table);
        // What is no table has been told of, and lacks no keys.
        let is_wrong = table.is_none() && self.has(key);
        let faults = if is_wrong { Faults::default() } else { self.faults.clone() };
        let mut reader = Reader::of(table.unwrap_or(&empty), path, faults);
        let value = read(&mut reader);
        reader.finish();
        value
    }

    /// Every table below `key`, by name, for `[targets.NAME]` and its like.
    pub(in crate::config) fn named<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str, &mut Reader<'_>) -> Option<T>,
    ) -> Named<T> {
        let path = self.key(key);
        let faults = self.faults.clone();
        let tables = self.optional(key, as_table);
        let is_unreadable = tables.is_none() && self.has(key);
        let mut named = Named { values: Vec::new(), faulty: BTreeSet::new(), is_unreadable };
        for (name, value) in tables.into_iter().flatten() {
            let path = format!("{path}.{name}");
            let value = match as_table(value) {
                Ok(table) => {
                    let mut reader = Reader::of(table, path, faults.clone());
                    let value = read(name, &mut reader);
                    reader.finish();
                    value
                }
                Err(problem) => {
                    faults.add(&path, problem);
                    None
                }
            };
            match value {
                Some(value) => named.values.push(value),
                None => named.faulty.extend([name.clone()]),
            }
        }
        named
    }

    /// Every table of an array of tables, for `[[…]]`.
    pub(in crate::config) fn each<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let path = self.key(key);
        let faults = self.faults.clone();
        let Some(values) = self.optional(key, as_array) else { return Vec::new() };
        let mut read_values = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match as_table(value) {
                Ok(table) => {
                    let mut reader = Reader::of(table, path, faults.clone());
                    read_values.extend(read(&mut reader));
                    reader.finish();
                }
                Err(problem) => faults.add(&path, problem),
            }
        }
        read_values
    }

    fn finish(&self) {
        if self.is_open {
            return;
        }
        for key in self.table.keys().filter(|key| !self.asked.contains(key.as_str())) {
            let advice = if let Some(nearest) = self.nearest(key) {
                format!("did you mean `{nearest}`?")
            } else {
                let known: Vec<&str> = self.asked.iter().copied().collect();
                format!("known: {}", known.join(", "))
            };
            self.fault(key, format!("is not a key that is known here; {advice}"));
        }
    }

    /// The known key that somebody may have meant who mistyped this one.
    fn nearest(&self, key: &str) -> Option<&'static str> {
        let distances = self.asked.iter().map(|known| (damerau_levenshtein(key, known), *known));
        let near = distances.filter(|(distance, known)| distance * 3 <= known.len());
        near.min().map(|(_, known)| known)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if self.path.is_empty() {
            self.finish();
        }
    }
}

fn as_table(value: &Value) -> Result<&Table, String> {
    value.as_table().ok_or_else(|| format!("must be a table, not {}", value.type_str()))
}

pub(in crate::config) fn as_array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("must be an array, not {}", value.type_str()))
}

/// A text that is not empty.
pub(in crate::config) fn text(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some("") => Err("must not be empty".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("must be a text, not {}", value.type_str())),
    }
}

/// A mount or a path in Vault.
pub(in crate::config) fn place(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let is_name = |segment: &str| !matches!(segment, "" | "." | "..");
    if text.split('/').all(is_name) {
        Ok(text)
    } else {
        Err("must be names with one slash between them, and none before or after".to_owned())
    }
}

/// A text that parses.
pub(in crate::config) fn parsed<T, E: fmt::Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&Value) -> Result<T, String> {
    move |value| parse(&text(value)?).map_err(|error| error.to_string())
}

/// Whether something is so.
pub(in crate::config) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("must be true or false, not {}", value.type_str()))
}

/// A path of a file.
pub(in crate::config) fn path(value: &Value) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

/// Paths of files, at least one.
pub(in crate::config) fn paths(value: &Value) -> Result<Vec<PathBuf>, String> {
    let paths = as_array(value)?.iter().map(path).collect::<Result<Vec<_>, _>>()?;
    if paths.is_empty() { Err("must name at least one file".to_owned()) } else { Ok(paths) }
}

/// Texts, none empty.
pub(in crate::config) fn texts(value: &Value) -> Result<Vec<String>, String> {
    as_array(value)?.iter().map(text).collect()
}

/// An address and a port.
pub(in crate::config) fn address(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    text.parse().map_err(|_| "is not an address and a port like 0.0.0.0:8443".to_owned())
}

/// A whole number within bounds.
pub(in crate::config) fn whole<T: TryFrom<i64>>(
    bounds: std::ops::RangeInclusive<i64>,
) -> impl Fn(&Value) -> Result<T, String> {
    move |value| {
        let (low, high) = (bounds.start(), bounds.end());
        let wrong = || format!("must be a whole number from {low} to {high}");
        let number =
            value.as_integer().filter(|number| bounds.contains(number)).ok_or_else(wrong)?;
        T::try_from(number).map_err(|_| wrong())
    }
}
