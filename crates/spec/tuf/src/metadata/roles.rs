//! The four kinds of file: root, targets (also of delegations), snapshot, timestamp.

use std::collections::BTreeMap;

use pki::key::{PublicKey, TufKeyId};

use super::fields::{self, Fields, Malformed};
use super::parts::{
    FileMap, FileMeta, KeyMap, Nullable, RoleKeys, SHA256, SHA512, read_files, read_keys,
    write_files, write_keys,
};
use crate::expiry::Expiry;
use crate::json::{Value, Writer};
use crate::name::{DelegationName, Role};

/// One of the four kinds of file: [`Root`], [`Targets`], [`Snapshot`] or [`Timestamp`].
pub trait Metadata: Form {
    /// The text of `_type`.
    const TYPE: &'static str;

    /// The version; at least 1 in a valid file.
    fn version(&self) -> u64;

    /// When it stops being valid.
    fn expires(&self) -> &Expiry;

    /// Checks what signatures do not: version, thresholds, keys, names, checksums
    /// (`notary:tuf/data/{root,targets,snapshot,timestamp}.go:isValid*Structure`).
    ///
    /// # Errors
    /// The first rule broken.
    fn check_structure(&self, role: &Role) -> Result<(), Structure>;
}

/// Reading and writing of one kind of file; inside this crate only.
pub trait Form: Sized {
    #[doc(hidden)]
    fn read(signed: &Value<'_>) -> Result<Self, Malformed>;
    #[doc(hidden)]
    fn write(&self) -> Vec<u8>;
    #[doc(hidden)]
    fn renew(&mut self, version: u64, expires: Expiry);
}

/// A rule of 1.13 that a file breaks; the text is the tail of Notary's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Structure {
    /// A digest of a parent's entry has the wrong length.
    #[error("invalid {role} checksum information, {algorithm} checksum invalid")]
    Checksum {
        /// The role described.
        role: Role,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// Delegation to a role that is no direct child.
    #[error("delegation role {name} invalid")]
    DelegationName {
        /// The name.
        name: DelegationName,
    },
    /// Two delegations to one role.
    #[error("delegation role {name} listed twice")]
    DuplicateDelegation {
        /// The name.
        name: DelegationName,
    },
    /// A role lists a key that the file does not hold.
    #[error("key ID {keyid} specified in {role} without corresponding key")]
    KeyAbsent {
        /// The listed id.
        keyid: TufKeyId,
        /// The role listing it.
        role: Role,
    },
    /// A snapshot or timestamp lacks the SHA-256 of a file that it must describe.
    #[error("missing {role} sha256 checksum information")]
    MissingChecksum {
        /// The role not described.
        role: Role,
    },
    /// A root without one of the four roles.
    #[error("missing {role} role specification")]
    MissingRole {
        /// The role.
        role: Role,
    },
    /// A threshold below 1 (the trailing blank is Notary's).
    #[error("invalid threshold specified for {role}: {threshold} ")]
    Threshold {
        /// The role.
        role: Role,
        /// The threshold found.
        threshold: i64,
    },
    /// Version 0.
    #[error("version cannot be less than {}", if *.root { "1" } else { "one" })]
    Version {
        /// Whether the file is a root, for which Notary words it otherwise.
        root: bool,
    },
}

/// `root`: the keys of the four top-level roles.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// Always false in what Notary writes; no meaning.
    pub consistent_snapshot: bool,
    /// When it stops being valid.
    pub expires: Expiry,
    /// Keys of all roles, and certificates of former root keys.
    pub keys: KeyMap,
    /// Keys per role name; names other than the four are kept and ignored.
    pub roles: Nullable<BTreeMap<String, RoleKeys>>,
    /// Version.
    pub version: u64,
}

impl Root {
    /// The keys listed for a top-level role.
    #[must_use]
    pub fn role_keys(&self, role: &Role) -> Option<&RoleKeys> {
        self.roles.get(role.as_str())
    }
}

/// `targets` and delegated roles: signed names, and delegations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Targets {
    /// Keys and roles delegated to.
    pub delegations: Delegations,
    /// When it stops being valid.
    pub expires: Expiry,
    /// What is signed, by name.
    pub targets: FileMap,
    /// Version.
    pub version: u64,
}

/// The delegations of a targets file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delegations {
    /// Keys of the delegated roles.
    pub keys: KeyMap,
    /// Delegated roles in order of insertion, which is their precedence.
    pub roles: Nullable<Vec<Delegation>>,
}

/// One delegated role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delegation {
    /// Its keys and threshold.
    pub keys: RoleKeys,
    /// Its name.
    pub name: DelegationName,
    /// Prefixes of the names it may sign; `""` is every name, none is no name.
    pub paths: Vec<String>,
}

impl Delegations {
    /// The delegation to `name`.
    #[must_use]
    pub fn role(&self, name: &DelegationName) -> Option<&Delegation> {
        self.roles.iter().find(|role| role.name == *name)
    }

    /// The keys of one of the delegations, in order; ids without a key are left out.
    pub fn keys_of<'a>(
        &'a self,
        delegation: &'a Delegation,
    ) -> impl Iterator<Item = (TufKeyId, &'a PublicKey)> {
        delegation
            .keys
            .keyids
            .iter()
            .filter_map(|id| Some((*id, self.keys.get(id)?)))
    }
}

/// `snapshot`: which root, targets and delegation files belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// When it stops being valid.
    pub expires: Expiry,
    /// Descriptions by role name.
    pub meta: FileMap,
    /// Version.
    pub version: u64,
}

impl Snapshot {
    /// The description of a role's file.
    #[must_use]
    pub fn describes(&self, role: &Role) -> Option<&FileMeta> {
        self.meta.get(role.as_str())
    }
}

/// `timestamp`: which snapshot is current.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timestamp {
    /// When it stops being valid.
    pub expires: Expiry,
    /// The description of `snapshot`.
    pub meta: FileMap,
    /// Version.
    pub version: u64,
}

macro_rules! metadata {
    ($type:ident, |$this:ident, $role:ident| $check:expr) => {
        impl Metadata for $type {
            const TYPE: &'static str = stringify!($type);

            fn version(&self) -> u64 {
                self.version
            }

            fn expires(&self) -> &Expiry {
                &self.expires
            }

            fn check_structure(&self, $role: &Role) -> Result<(), Structure> {
                if self.version < 1 {
                    return Err(Structure::Version {
                        root: *$role == Role::Root,
                    });
                }
                let $this = self;
                $check
            }
        }
    };
}

metadata!(Root, |root, _role| [
    Role::Root,
    Role::Targets,
    Role::Snapshot,
    Role::Timestamp
]
.into_iter()
.try_for_each(|role| match root.role_keys(&role) {
    Some(keys) => check_role_keys(keys, &root.keys, &role),
    None => Err(Structure::MissingRole { role }),
}));
metadata!(Targets, |targets, role| check_delegations(
    &targets.delegations,
    role
));
metadata!(Snapshot, |snapshot, _role| {
    check_entry(&snapshot.meta, Role::Root)?;
    check_entry(&snapshot.meta, Role::Targets)
});
metadata!(Timestamp, |timestamp, _role| check_entry(
    &timestamp.meta,
    Role::Snapshot
));

fn check_role_keys(keys: &RoleKeys, map: &KeyMap, role: &Role) -> Result<(), Structure> {
    if keys.threshold < 1 {
        return Err(Structure::Threshold {
            role: role.clone(),
            threshold: keys.threshold,
        });
    }
    match keys.keyids.iter().find(|id| !map.contains_key(id)) {
        Some(keyid) => Err(Structure::KeyAbsent {
            keyid: *keyid,
            role: role.clone(),
        }),
        None => Ok(()),
    }
}

fn check_delegations(delegations: &Delegations, role: &Role) -> Result<(), Structure> {
    for (at, delegation) in delegations.roles.iter().enumerate() {
        let name = &delegation.name;
        if name.delegator() != *role {
            return Err(Structure::DelegationName { name: name.clone() });
        }
        if delegations.roles[..at]
            .iter()
            .any(|earlier| earlier.name == *name)
        {
            return Err(Structure::DuplicateDelegation { name: name.clone() });
        }
        check_role_keys(&delegation.keys, &delegations.keys, &name.clone().into())?;
    }
    Ok(())
}

fn check_entry(meta: &FileMap, role: Role) -> Result<(), Structure> {
    let Some(sha256) = meta
        .get(role.as_str())
        .and_then(|entry| entry.hashes.raw(SHA256))
    else {
        return Err(Structure::MissingChecksum { role });
    };
    if sha256.len() != 32 {
        return Err(Structure::Checksum {
            role,
            algorithm: SHA256,
        });
    }
    match meta
        .get(role.as_str())
        .and_then(|entry| entry.hashes.raw(SHA512))
    {
        Some(sha512) if sha512.len() != 64 => Err(Structure::Checksum {
            role,
            algorithm: SHA512,
        }),
        _ => Ok(()),
    }
}

impl Form for Root {
    fn read(signed: &Value<'_>) -> Result<Self, Malformed> {
        let known = [
            "_type",
            "consistent_snapshot",
            "expires",
            "keys",
            "roles",
            "version",
        ];
        let fields = typed::<Self>(signed, &known)?;
        let consistent_snapshot = match fields.optional("consistent_snapshot") {
            None => false,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                return Err(Malformed::WrongType {
                    field: "consistent_snapshot",
                    expected: "a boolean",
                });
            }
        };
        let roles = Nullable::read(fields.optional("roles"), |value| {
            let mut roles = BTreeMap::new();
            for (name, role) in fields::members(value, "roles")? {
                let role = Fields::of(role, "role", &["keyids", "threshold"])?;
                roles.insert(name.clone().into_owned(), RoleKeys::read(&role)?);
            }
            Ok(roles)
        })?;
        let keys = read_keys(fields.optional("keys"))?;
        Ok(Self {
            consistent_snapshot,
            expires: fields.expires()?,
            keys,
            roles,
            version: fields.version()?,
        })
    }

    fn write(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.object(|w| {
            w.key("_type");
            w.string(Self::TYPE);
            w.key("consistent_snapshot");
            w.bool(self.consistent_snapshot);
            w.key("expires");
            w.string(self.expires.as_str());
            w.key("keys");
            write_keys(&self.keys, w);
            w.key("roles");
            self.roles.write(w, |name, role, w| {
                w.key(name);
                w.object(|w| {
                    role.write_keyids(w);
                    w.key("threshold");
                    w.integer(role.threshold);
                });
            });
            write_version(self.version, w);
        });
        writer.finish()
    }

    fn renew(&mut self, version: u64, expires: Expiry) {
        (self.version, self.expires) = (version, expires);
    }
}

impl Form for Targets {
    fn read(signed: &Value<'_>) -> Result<Self, Malformed> {
        let fields = typed::<Self>(
            signed,
            &["_type", "delegations", "expires", "targets", "version"],
        )?;
        let delegations = match fields.optional("delegations") {
            None => Delegations {
                keys: Nullable::null(),
                roles: Nullable::null(),
            },
            Some(value) => read_delegations(value)?,
        };
        let targets = read_files(fields.optional("targets"), "targets")?;
        Ok(Self {
            delegations,
            expires: fields.expires()?,
            targets,
            version: fields.version()?,
        })
    }

    fn write(&self) -> Vec<u8> {
        // An entry with both digests takes some 200 bytes.
        let mut writer = Writer::with_capacity(1024 + 256 * self.targets.len());
        writer.object(|w| {
            w.key("_type");
            w.string(Self::TYPE);
            w.key("delegations");
            write_delegations(&self.delegations, w);
            w.key("expires");
            w.string(self.expires.as_str());
            w.key("targets");
            write_files(&self.targets, w);
            write_version(self.version, w);
        });
        writer.finish()
    }

    fn renew(&mut self, version: u64, expires: Expiry) {
        (self.version, self.expires) = (version, expires);
    }
}

fn read_delegations(value: &Value<'_>) -> Result<Delegations, Malformed> {
    let fields = Fields::of(value, "delegations", &["keys", "roles"])?;
    let keys = read_keys(fields.optional("keys"))?;
    let roles = Nullable::read(fields.optional("roles"), |value| {
        fields::items(value, "roles")?
            .iter()
            .map(read_delegation)
            .collect()
    })?;
    Ok(Delegations { keys, roles })
}

fn read_delegation(value: &Value<'_>) -> Result<Delegation, Malformed> {
    let fields = Fields::of(
        value,
        "delegation",
        &["keyids", "name", "paths", "threshold"],
    )?;
    let paths = match fields.optional("paths") {
        None => Vec::new(),
        Some(value) => fields::items(value, "paths")?
            .iter()
            .map(|path| fields::text(path, "paths").map(str::to_owned))
            .collect::<Result<_, _>>()?,
    };
    let name = DelegationName::parse(fields.text("name")?).map_err(Malformed::DelegationName)?;
    Ok(Delegation {
        keys: RoleKeys::read(&fields)?,
        name,
        paths,
    })
}

fn write_delegations(delegations: &Delegations, writer: &mut Writer) {
    writer.object(|w| {
        w.key("keys");
        write_keys(&delegations.keys, w);
        w.key("roles");
        delegations.roles.write(w, |role, w| {
            w.object(|w| {
                role.keys.write_keyids(w);
                w.key("name");
                w.string(role.name.as_str());
                if !role.paths.is_empty() {
                    w.key("paths");
                    w.array(|w| role.paths.iter().for_each(|path| w.string(path)));
                }
                w.key("threshold");
                w.integer(role.keys.threshold);
            });
        });
    });
}

macro_rules! meta_form {
    ($type:ident) => {
        impl Form for $type {
            fn read(signed: &Value<'_>) -> Result<Self, Malformed> {
                let fields = typed::<Self>(signed, &["_type", "expires", "meta", "version"])?;
                let meta = read_files(fields.optional("meta"), "meta")?;
                Ok(Self {
                    expires: fields.expires()?,
                    meta,
                    version: fields.version()?,
                })
            }

            fn write(&self) -> Vec<u8> {
                let mut writer = Writer::default();
                writer.object(|w| {
                    w.key("_type");
                    w.string(Self::TYPE);
                    w.key("expires");
                    w.string(self.expires.as_str());
                    w.key("meta");
                    write_files(&self.meta, w);
                    write_version(self.version, w);
                });
                writer.finish()
            }

            fn renew(&mut self, version: u64, expires: Expiry) {
                (self.version, self.expires) = (version, expires);
            }
        }
    };
}
meta_form!(Snapshot);
meta_form!(Timestamp);

fn typed<'v, 'a, T: Metadata>(
    signed: &'v Value<'a>,
    known: &[&'static str],
) -> Result<Fields<'v, 'a>, Malformed> {
    let fields = Fields::of(signed, "signed", known)?;
    match fields.text("_type")? {
        found if found == T::TYPE => Ok(fields),
        found => Err(Malformed::MetadataType {
            expected: T::TYPE,
            found: found.to_owned(),
        }),
    }
}

fn write_version(version: u64, writer: &mut Writer) {
    writer.key("version");
    writer.raw(version.to_string().as_bytes());
}
