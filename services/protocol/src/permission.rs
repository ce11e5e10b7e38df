//! The four permissions and their set.
//!
//! A key lists them as "actions", a token as "permissions"; both mean these. Owns their names and the algebra of their
//! sets. Does not know who holds which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing a key or a token may allow (realtime spec §1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Publish to a channel.
    Publish,
    /// Subscribe to a channel.
    Subscribe,
    /// See who is in a channel.
    Presence,
    /// Send a direct to a peer.
    Send,
}

impl Permission {
    /// Every permission, in the order in which sets iterate.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Subscribe, Self::Presence, Self::Send];

    /// The word on the wire and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Presence => "presence",
            Self::Send => "send",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Publish => 1,
            Self::Subscribe => 1 << 1,
            Self::Presence => 1 << 2,
            Self::Send => 1 << 3,
        }
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.as_str() == text)
            .ok_or(UnknownPermission)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names none of the four permissions; the text is not echoed, it may be of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission: expected publish, subscribe, presence or send")]
pub struct UnknownPermission;

/// A set of permissions, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// No permission.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// All four.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether no permission is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether everything in this set is also in `other`.
    #[must_use]
    pub const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The permissions of the set in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |&permission| self.contains(permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |bits, permission| bits | permission.bit()),
        )
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A list of words, in the order of [`Permission::ALL`].
impl Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A list of words; order and repetition carry no meaning, an unknown word is an error.
impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Permission>::deserialize(deserializer)?;
        Ok(list.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_reads_back_from_its_word() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
            let json = serde_json::to_string(&permission).unwrap();
            assert_eq!(json, format!("\"{permission}\""));
            assert_eq!(
                serde_json::from_str::<Permission>(&json).unwrap(),
                permission
            );
        }
    }

    #[test]
    fn a_word_in_another_case_is_unknown() {
        for text in ["Publish", "SEND", "", "publish ", "admin"] {
            assert_eq!(
                text.parse::<Permission>(),
                Err(UnknownPermission),
                "{text:?}"
            );
        }
    }

    #[test]
    fn sets_follow_the_algebra_of_sets() {
        let read: Permissions = [Permission::Subscribe, Permission::Presence]
            .into_iter()
            .collect();
        let write: Permissions = [Permission::Presence, Permission::Send]
            .into_iter()
            .collect();
        assert_eq!(
            read.intersection(write).iter().collect::<Vec<_>>(),
            [Permission::Presence]
        );
        assert!(read.is_subset_of(Permissions::all()));
        assert!(!read.is_subset_of(write));
        assert!(Permissions::empty().is_subset_of(read));
        assert!(Permissions::empty().is_empty());
        assert!(
            Permission::ALL
                .into_iter()
                .all(|permission| Permissions::all().contains(permission))
        );
    }

    #[test]
    fn a_set_is_a_list_of_words_whose_order_and_repetition_do_not_matter() {
        let set: Permissions = serde_json::from_str(r#"["send","publish","send"]"#).unwrap();
        assert_eq!(
            serde_json::to_string(&set).unwrap(),
            r#"["publish","send"]"#
        );
        assert!(serde_json::from_str::<Permissions>(r#"["send","fly"]"#).is_err());
    }
}
