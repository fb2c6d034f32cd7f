//! What Vault tells about its secrets: what happened, and to which one.
//!
//! Vault names an event by its type (`kv-v2/data-write`) and a secret by its data path
//! (`secret/data/salesforce/acme`), before which a namespace may stand.

use crate::domain::secret::SecretLocation;

/// What happened to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A version became readable: written, patched or undeleted.
    Written,
    /// A version, or all of them, can no longer be read.
    Removed,
    /// Something that says nothing about what can be read.
    Other,
}

impl Change {
    /// Reads an event type of the key-value engine of version 2, with the engine's name before it
    /// or without.
    pub fn of(event_type: &str) -> Self {
        match event_type.strip_prefix("kv-v2/").unwrap_or(event_type) {
            "data-write" | "data-patch" | "undelete" => Self::Written,
            "data-delete" | "delete" | "destroy" | "metadata-delete" => Self::Removed,
            _ => Self::Other,
        }
    }
}

/// Finds the secret that a data path names; `None` where it names none.
///
/// `mount` and `namespace` are what the event says besides, where it says it. Without a mount the
/// first `data` within the path ends it, and a namespace stays before the mount: see
/// [`SecretLocation::is_meant_by`]. Vault keeps nothing under a name with a control character, and
/// not every store could write it down.
pub fn locate(
    data_path: &str,
    mount: Option<&str>,
    namespace: Option<&str>,
) -> Option<SecretLocation> {
    let named = [Some(data_path), mount, namespace];
    if named.into_iter().flatten().any(|text| text.chars().any(char::is_control)) {
        return None;
    }
    let whole = data_path.trim_matches('/');
    let trimmed = |text: &str| text.trim_matches('/').to_owned();
    let namespace = namespace.map(trimmed).filter(|name| !name.is_empty());
    let mount = mount.map(trimmed).filter(|name| !name.is_empty());
    let inner =
        namespace.and_then(|name| whole.strip_prefix(&name)?.strip_prefix('/')).unwrap_or(whole);
    let (mount, path) = match mount {
        None => inner.split_once("/data/").map(|(mount, path)| (trimmed(mount), path))?,
        Some(mount) => {
            let path = below(inner, &mount).or_else(|| inner.strip_prefix("data/"))?;
            (mount, path)
        }
    };
    let path = trimmed(path);
    (!mount.is_empty() && !path.is_empty()).then_some(SecretLocation { mount, path })
}

/// What follows the mount's data, wherever the mount begins.
fn below<'p>(path: &'p str, mount: &str) -> Option<&'p str> {
    let data = format!("{mount}/data/");
    path.strip_prefix(&data).or_else(|| path.split_once(&format!("/{data}")).map(|(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mount: &str, path: &str) -> SecretLocation {
        SecretLocation { mount: mount.to_owned(), path: path.to_owned() }
    }

    #[test]
    fn a_name_with_a_control_character_names_nothing() {
        for character in ["\0", "\n", "\u{7f}", "\u{85}"] {
            let path = format!("secret/data/acme{character}");
            assert_eq!(locate(&path, None, None), None, "{path:?}");
            let mount = format!("sec{character}ret");
            assert_eq!(locate("data/acme", Some(&mount), None), None, "{mount:?}");
            assert_eq!(locate("secret/data/acme", None, Some(character)), None);
        }
        assert_eq!(locate("secret/data/acme", None, None), Some(at("secret", "acme")));
    }

    #[test]
    fn only_what_makes_a_version_readable_is_a_write() {
        let types = ["kv-v2/data-write", "kv-v2/data-patch", "kv-v2/undelete", "data-write"];
        assert!(types.iter().all(|kind| Change::of(kind) == Change::Written));
        let types = ["kv-v2/data-delete", "kv-v2/delete", "kv-v2/destroy", "kv-v2/metadata-delete"];
        assert!(types.iter().all(|kind| Change::of(kind) == Change::Removed));
        let types = ["*", "", "kv-v2/metadata-write", "kv-v2/config-write", "kv-v1/write"];
        assert!(types.iter().all(|kind| Change::of(kind) == Change::Other));
    }

    #[test]
    fn a_data_path_is_parted_where_the_mount_ends() {
        let secret = || Some(at("secret", "sf/prod"));
        assert_eq!(locate("secret/data/sf/prod", Some("secret/"), None), secret());
        assert_eq!(locate("secret/data/sf/prod", None, None), secret());
        assert_eq!(locate("data/sf/prod", Some("secret/"), None), secret(), "as Vault 1.13 has it");
        assert_eq!(locate("/secret/data/sf/prod/", None, None), secret());
        assert_eq!(locate("secret//data//sf/prod", None, None), secret());
        assert_eq!(locate("a/data/data/b", Some("a/data"), None), Some(at("a/data", "b")));
    }

    #[test]
    fn a_namespace_is_told_from_the_mount_where_the_event_says_so() {
        let secret = || Some(at("secret", "sf"));
        assert_eq!(locate("ns1/secret/data/sf", Some("secret/"), None), secret());
        assert_eq!(locate("ns1/a/secret/data/sf", None, Some("ns1/a/")), secret());
        assert_eq!(locate("secret/data/sf", None, Some("ns1/")), secret());
        let untold = locate("ns1/secret/data/sf", None, None);
        assert_eq!(untold, Some(at("ns1/secret", "sf")));
        assert!(at("secret", "sf").is_meant_by(&untold.unwrap()));
    }

    #[test]
    fn what_is_no_data_path_names_no_secret() {
        for path in
            ["", "/", "secret", "secret/sf", "secret/metadata/sf", "data/sf", "secret/data/"]
        {
            assert_eq!(locate(path, None, None), None, "{path}");
        }
        assert_eq!(locate("other/data/sf", Some("secret"), None), None);
    }
}
