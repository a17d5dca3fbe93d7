//! The names of the dialect: GUNs and roles, each valid by construction.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::limits::{MAX_DELEGATION_DEPTH, MAX_GUN_BYTES, MAX_ROLE_NAME_BYTES};

/// A globally unique name: what a set of trust metadata is about, such as `registry.example.com/team/app`.
///
/// Compared exactly. Safe to use as a relative path: no empty, `.` or `..` segment, no leading or trailing slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gun(Arc<str>);

/// Why text is no GUN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GunError {
    /// A character that cannot be part of a GUN: `*`, a backslash or a control character.
    #[error("invalid character {character:?} in GUN")]
    Character {
        /// The first such character.
        character: char,
    },
    /// More than [`MAX_GUN_BYTES`] bytes.
    #[error("GUN of {length} bytes, at most {MAX_GUN_BYTES} allowed")]
    Length {
        /// Bytes given.
        length: usize,
    },
    /// A segment between slashes that is empty, `.`, `..` or Notary's reserved `_trust`.
    #[error("invalid segment {segment:?} in GUN")]
    Segment {
        /// The first such segment.
        segment: String,
    },
}

impl Gun {
    /// Checks the rules of a GUN.
    ///
    /// # Errors
    /// The first rule of [`GunError`] that the text breaks.
    pub fn parse(text: &str) -> Result<Self, GunError> {
        if text.len() > MAX_GUN_BYTES {
            return Err(GunError::Length { length: text.len() });
        }
        if let Some(character) = text
            .chars()
            .find(|c| matches!(c, '*' | '\\') || c.is_control())
        {
            return Err(GunError::Character { character });
        }
        if let Some(segment) = text
            .split('/')
            .find(|s| matches!(*s, "" | "." | ".." | "_trust"))
        {
            return Err(GunError::Segment {
                segment: segment.to_owned(),
            });
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Any of the five kinds of role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums, reason = "TUF has these and no others")]
pub enum Role {
    /// `root`: names the keys of the other three and of itself.
    Root,
    /// `targets`: signed names, and delegations.
    Targets,
    /// `snapshot`: the hashes of root, targets and delegations.
    Snapshot,
    /// `timestamp`: the hash of the snapshot.
    Timestamp,
    /// `targets/...`: a delegated role.
    Delegation(DelegationName),
}

/// The name of a delegated role: `targets/` and segments of `[-a-z0-9_]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DelegationName(Arc<str>);

/// Text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tuf: invalid role {text}.")]
pub struct RoleError {
    /// The text.
    pub text: String,
}

impl Role {
    /// Reads a bare role name (`root`, `targets/releases`).
    ///
    /// # Errors
    /// The text is none of the four and no delegation name.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        match text {
            "root" => Ok(Self::Root),
            "targets" => Ok(Self::Targets),
            "snapshot" => Ok(Self::Snapshot),
            "timestamp" => Ok(Self::Timestamp),
            _ => DelegationName::parse(text).map(Self::Delegation),
        }
    }

    /// The role's name, as used in metadata, paths and URLs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
            Self::Delegation(name) => &name.0,
        }
    }

    /// Whether the role's file is of type `Targets`.
    #[must_use]
    pub fn holds_targets(&self) -> bool {
        matches!(self, Self::Targets | Self::Delegation(_))
    }

    /// The role that delegates to this one; none for the four top-level roles.
    #[must_use]
    pub fn delegator(&self) -> Option<Self> {
        match self {
            Self::Delegation(name) => Some(name.delegator()),
            _ => None,
        }
    }

    /// Segments below `targets`; 0 for the top-level roles.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.as_str().bytes().filter(|b| *b == b'/').count()
    }

    /// Whether this role is `ancestor` or delegated, directly or not, by it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.as_str()
            .strip_prefix(ancestor.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl DelegationName {
    /// Checks the rules of a delegated role's name (`notary:tuf/data/roles.go:IsDelegation`).
    ///
    /// # Errors
    /// The text breaks one of them, or is deeper than [`MAX_DELEGATION_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let segment = |s: &str| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| matches!(b, b'-' | b'_' | b'a'..=b'z' | b'0'..=b'9'))
        };
        let valid = text.len() <= MAX_ROLE_NAME_BYTES
            && text.strip_prefix("targets/").is_some_and(|rest| {
                rest.split('/').all(segment) && rest.split('/').count() <= MAX_DELEGATION_DEPTH
            });
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(RoleError {
                text: text.to_owned(),
            })
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The role one segment up.
    #[must_use]
    pub fn delegator(&self) -> Role {
        let (parent, _) = self
            .0
            .rsplit_once('/')
            .expect("a delegation name has a slash");
        if parent == "targets" {
            Role::Targets
        } else {
            Role::Delegation(Self(parent.into()))
        }
    }
}

impl From<DelegationName> for Role {
    fn from(name: DelegationName) -> Self {
        Self::Delegation(name)
    }
}

macro_rules! text {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}
text!(Gun, Role, DelegationName);

impl std::str::FromStr for Gun {
    type Err = GunError;

    fn from_str(text: &str) -> Result<Self, GunError> {
        Self::parse(text)
    }
}

impl std::str::FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::parse(text)
    }
}

impl Borrow<str> for Gun {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guns_are_safe_as_paths() {
        for good in ["a", "example.com:5000/Team/app", "a b/é", "..a/b"] {
            assert_eq!(Gun::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../x",
            "a/../b",
            "a/.",
            "a*",
            "a\0",
            "a\nb",
            "a\\b",
            "a/_trust/tuf",
        ] {
            assert!(Gun::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Gun::parse(&"a".repeat(255)).is_ok());
        assert_eq!(
            Gun::parse(&"a".repeat(256)),
            Err(GunError::Length { length: 256 })
        );
        assert_ne!(Gun::parse("my/App"), Gun::parse("my/app"));
    }

    #[test]
    fn delegation_names_follow_notary() {
        for good in ["targets/a", "targets/releases/nested", "targets/a-b_c/0"] {
            assert_eq!(Role::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "targets/",
            "targets/A",
            "targets/a/",
            "targets//a",
            "targets/../a",
            "targets/*",
            "mirrors",
            "",
            "root/a",
            "Targets",
            "targets/a.b",
        ] {
            assert!(Role::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Role::parse(&format!("targets/{}", "a".repeat(247))).is_ok());
        assert!(Role::parse(&format!("targets/{}", "a".repeat(248))).is_err());
    }

    #[test]
    fn the_tree_of_roles() {
        let nested = Role::parse("targets/a/b").unwrap();
        let parent = Role::parse("targets/a").unwrap();
        assert_eq!(nested.delegator(), Some(parent.clone()));
        assert_eq!(parent.delegator(), Some(Role::Targets));
        assert_eq!(Role::Targets.delegator(), None);
        assert_eq!((nested.depth(), Role::Targets.depth()), (2, 0));
        assert!(
            nested.is_within(&parent)
                && nested.is_within(&Role::Targets)
                && parent.is_within(&parent)
        );
        assert!(!Role::parse("targets/ab").unwrap().is_within(&parent));
    }
}
