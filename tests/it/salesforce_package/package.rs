//! The files of `deploy/salesforce`, as they are or with one of them broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::xml::Element;

/// The files by their path below `deploy/salesforce`.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) files: BTreeMap<String, String>,
}

impl Package {
    /// Reads the folder.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/salesforce");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder of the package") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).expect("below the root").display().to_string();
                files.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
        Self { files }
    }

    /// The package with the first of a text replaced by another, in the file whose path ends so.
    pub(crate) fn with(&self, file: &str, from: &str, to: &str) -> Self {
        let mut broken = self.clone();
        let text = broken.file_mut(file);
        assert!(text.contains(from), "{file} does not hold `{from}`, so nothing would be broken");
        *text = text.replacen(from, to, 1);
        broken
    }

    /// The package without the file whose path ends so.
    pub(crate) fn without(&self, file: &str) -> Self {
        let mut broken = self.clone();
        let before = broken.files.len();
        broken.files.retain(|path, _| !path.ends_with(file));
        assert_eq!(broken.files.len() + 1, before, "{file} is not one file");
        broken
    }

    fn file_mut(&mut self, end: &str) -> &mut String {
        let found = self.files.iter_mut().find(|(path, _)| path.ends_with(end));
        found.map_or_else(|| panic!("no file {end}"), |(_, text)| text)
    }

    /// The text of the file whose path ends so.
    pub(crate) fn text(&self, end: &str) -> &str {
        let found = self.files.iter().find(|(path, _)| path.ends_with(end));
        found.map_or_else(|| panic!("no file {end}"), |(_, text)| text.as_str())
    }

    /// The components of a kind (the word in `NAME.kind-meta.xml`) by name. What cannot be read is
    /// left out here, and is a fault of its own.
    pub(crate) fn components(&self, kind: &str) -> BTreeMap<String, Element> {
        let end = format!(".{kind}-meta.xml");
        let read = |(path, text): (&String, &String)| {
            let name = path.rsplit('/').next()?.strip_suffix(&end)?.to_owned();
            Some((name, Element::parse(text).ok()?))
        };
        self.files.iter().filter_map(read).collect()
    }

    /// The Apex files with this extension: their path, their name and their text.
    pub(crate) fn apex<'a>(&'a self, extension: &str) -> Vec<(&'a str, &'a str, &'a str)> {
        let end = format!(".{extension}");
        let named = |(path, text): (&'a String, &'a String)| {
            let file = path.rsplit('/').next()?;
            Some((path.as_str(), file.strip_suffix(&end)?, text.as_str()))
        };
        self.files.iter().filter_map(named).collect()
    }

    /// The custom fields of an object.
    pub(crate) fn fields(&self, object: &str) -> BTreeSet<String> {
        let folder = format!("/objects/{object}/fields/");
        let name = |path: &String| {
            let (_, file) = path.split_once(&folder)?;
            Some(file.strip_suffix(".field-meta.xml")?.to_owned())
        };
        self.files.keys().filter_map(name).collect()
    }

    /// The custom objects.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        self.components("object").into_keys().collect()
    }
}
