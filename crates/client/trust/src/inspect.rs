//! Reading: who signed what, with which keys, until when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use oci::Tag;
use pki::digest::Sha256;
use pki::key::{CanonicalKeyId, PublicKey, TufKeyId};
use tuf::metadata::FileMeta;
use tuf::trusted::{TargetsTrusted, TrustedTarget};
use tuf::{Expiry, Gun, Refusal, Role};

use crate::client::Repository;
use crate::error::TrustError;

/// The delegated role of released tags.
pub(crate) const RELEASES: &str = "targets/releases";

/// What is trusted about one repository at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// The repository.
    pub gun: Gun,
    /// Tags signed in `targets/releases` or `targets`, in byte order; the same tag twice if the two disagree.
    pub tags: Vec<SignedTag>,
    /// All delegated roles except `targets/releases`, breadth first.
    pub signers: Vec<Signer>,
    /// Ids of the root keys: of their certificates, as root metadata has them.
    pub root_keys: Vec<TufKeyId>,
    /// Ids of the repository (targets) keys.
    pub repository_keys: Vec<TufKeyId>,
    /// When each role expires.
    pub expiries: Vec<RoleExpiry>,
    /// Delegated roles whose files are not trusted, with the reason; what they signed is not in `tags`.
    pub skipped: Vec<(Role, Refusal)>,
    /// Changes that a stock client staged in this trust folder and did not publish.
    pub staged_changes: usize,
}

/// A released tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedTag {
    /// The tag.
    pub tag: String,
    /// Digest of the manifest; none if only other digests are signed, which docker cannot use.
    pub digest: Option<Sha256>,
    /// Size of the manifest in bytes, as signed.
    pub length: u64,
    /// `targets/releases` where it has the tag with this digest, which a trusted pull prefers, else `targets`.
    pub released_in: Role,
    /// Delegated roles other than `targets/releases` that signed the same digest, breadth first, without `targets/`.
    /// None means that only the repository key or `targets/releases` did ("Repo Admin").
    pub signers: Vec<String>,
}

/// Which roles sign a tag, for which digests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagRoles {
    /// The tag.
    pub tag: String,
    /// The digest that a trusted pull takes; none if the tag is not released.
    pub released: Option<Sha256>,
    /// `targets` and delegated roles, each with the digest that it signs for the tag.
    pub roles: BTreeMap<Role, Sha256>,
}

/// A delegated role and who may sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signer {
    /// The role's name without `targets/`.
    pub name: String,
    /// The ids that key files have, in the order of the metadata.
    pub keys: Vec<CanonicalKeyId>,
}

/// Until when a role is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleExpiry {
    /// The role.
    pub role: Role,
    /// The end.
    pub expires: Expiry,
    /// Less than six months remain. Never set for the timestamp, which lives for days.
    pub near: bool,
}

impl Repository<'_> {
    /// What is trusted now, of one tag or of all.
    ///
    /// # Errors
    /// As [`Repository::update`]. A tag that is not signed is no error.
    pub async fn inspect(
        &self,
        tag: Option<&Tag>,
        now: Timestamp,
    ) -> Result<Inspection, TrustError> {
        let trusted = self.update(now).await?;
        let staged_changes = self.cache.staged_changes()?.len();
        Ok(Inspection::new(
            &trusted,
            tag.map(Tag::as_str),
            staged_changes,
            now,
        ))
    }

    /// Those of the tags that are released, in byte order; of a large repository nothing else is copied.
    ///
    /// # Errors
    /// As [`Repository::update`].
    pub async fn signed(&self, tags: &[Tag], now: Timestamp) -> Result<Vec<SignedTag>, TrustError> {
        let trusted = self.update(now).await?;
        let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        Ok(signed_tags(&trusted, Some(&names)))
    }

    /// Which roles sign these tags, or all that there are; in byte order, without tags that nobody signs.
    ///
    /// # Errors
    /// As [`Repository::update`].
    pub async fn roles(
        &self,
        tags: Option<&[&str]>,
        now: Timestamp,
    ) -> Result<Vec<TagRoles>, TrustError> {
        let trusted = self.update(now).await?;
        Ok(tag_roles(&trusted, tags))
    }

    /// What a trusted pull uses: the tag in `targets/releases`, else in `targets`. Other delegated roles never count.
    ///
    /// # Errors
    /// [`TrustError::NotSigned`], [`TrustError::ImageDigest`]; else as [`Repository::update`].
    pub async fn resolve(&self, tag: &Tag, now: Timestamp) -> Result<TrustedTarget, TrustError> {
        let trusted = self.update(now).await?;
        let target = released(&trusted, tag.as_str()).ok_or_else(|| TrustError::NotSigned {
            gun: self.gun.clone(),
            tag: tag.to_string(),
        })?;
        match target.sha256() {
            Some(_) => Ok(target),
            None => Err(TrustError::ImageDigest {
                tag: tag.to_string(),
            }),
        }
    }

    /// Every released tag as a trusted pull of all tags uses them, in byte order.
    ///
    /// # Errors
    /// As [`Repository::update`].
    pub async fn resolve_all(&self, now: Timestamp) -> Result<Vec<TrustedTarget>, TrustError> {
        let trusted = self.update(now).await?;
        Ok(trusted
            .list(&released_roles())
            .into_iter()
            .filter(is_released)
            .collect())
    }
}

/// The roles that release a tag, in order of precedence.
pub(crate) fn released_roles() -> [Role; 2] {
    [
        Role::parse(RELEASES).expect("a delegation name"),
        Role::Targets,
    ]
}

/// The released entry of a tag: an entry of a role below one of the two is not one.
pub(crate) fn released(trusted: &TargetsTrusted, tag: &str) -> Option<TrustedTarget> {
    trusted.lookup(tag, &released_roles()).filter(is_released)
}

fn is_released(target: &TrustedTarget) -> bool {
    released_roles().contains(target.role())
}

/// `targets/alice` is the signer `alice`.
pub(crate) fn signer_name(role: &Role) -> String {
    role.as_str()
        .strip_prefix("targets/")
        .unwrap_or(role.as_str())
        .to_owned()
}

/// The id of a key's file; a key that has none keeps its id in metadata, as it can never sign.
pub(crate) fn canonical(key: &PublicKey) -> CanonicalKeyId {
    key.canonical_id()
        .unwrap_or_else(|_| CanonicalKeyId::from_bytes(*key.tuf_id().as_bytes()))
}

impl Inspection {
    pub(crate) fn new(
        trusted: &TargetsTrusted,
        tag: Option<&str>,
        staged_changes: usize,
        now: Timestamp,
    ) -> Self {
        let root = trusted.snapshot().root();
        let ids = |role| root.keys_of(role).map(|(id, _)| id).collect();
        Self {
            gun: trusted.snapshot().gun().clone(),
            tags: signed_tags(trusted, tag.as_ref().map(std::slice::from_ref)),
            signers: signers(trusted),
            root_keys: ids(&Role::Root),
            repository_keys: ids(&Role::Targets),
            expiries: expiries(trusted, now),
            skipped: trusted
                .skipped()
                .iter()
                .map(|(role, skipped)| (role.clone(), skipped.refusal.clone()))
                .collect(),
            staged_changes,
        }
    }
}

/// `docker/cli:cli/command/trust/common.go:matchReleasedSignatures`, of some tags or of all.
pub(crate) fn signed_tags(trusted: &TargetsTrusted, only: Option<&[&str]>) -> Vec<SignedTag> {
    let released = released_roles();
    let mut tags: BTreeMap<(&str, Option<Sha256>), SignedTag> = BTreeMap::new();
    for_each_entry(trusted, only, |role, name, meta| {
        if released.contains(role) {
            let digest = meta.hashes.sha256();
            let tag = SignedTag {
                tag: name.to_owned(),
                digest,
                length: meta.length.unsigned_abs(),
                released_in: role.clone(),
                signers: Vec::new(),
            };
            // `targets` comes first, and gives way.
            tags.insert((name, digest), tag);
        }
    });
    for_each_entry(trusted, only, |role, name, meta| {
        if !released.contains(role)
            && let Some(tag) = tags.get_mut(&(name, meta.hashes.sha256()))
        {
            tag.signers.push(signer_name(role));
        }
    });
    tags.into_values().collect()
}

fn tag_roles(trusted: &TargetsTrusted, only: Option<&[&str]>) -> Vec<TagRoles> {
    let mut tags: BTreeMap<&str, BTreeMap<Role, Sha256>> = BTreeMap::new();
    for_each_entry(trusted, only, |role, name, meta| {
        if let Some(digest) = meta.hashes.sha256() {
            tags.entry(name).or_default().insert(role.clone(), digest);
        }
    });
    tags.into_iter()
        .map(|(tag, roles)| TagRoles {
            tag: tag.to_owned(),
            released: released(trusted, tag).and_then(|target| target.sha256()),
            roles,
        })
        .collect()
}

fn for_each_entry<'a>(
    trusted: &'a TargetsTrusted,
    only: Option<&[&str]>,
    mut visit: impl FnMut(&'a Role, &'a str, &'a FileMeta),
) {
    match only {
        None => trusted.for_each_entry(None, visit),
        Some(tags) => tags
            .iter()
            .for_each(|tag| trusted.for_each_entry(Some(tag), &mut visit)),
    }
}

fn signers(trusted: &TargetsTrusted) -> Vec<Signer> {
    let roles = trusted.delegated_roles();
    roles
        .iter()
        .filter(|role| role.delegation.name.as_str() != RELEASES)
        .map(|role| Signer {
            name: signer_name(&role.delegation.name.clone().into()),
            keys: role.keys.iter().map(|key| canonical(key)).collect(),
        })
        .collect()
}

pub(crate) fn expiries(trusted: &TargetsTrusted, now: Timestamp) -> Vec<RoleExpiry> {
    let snapshot = trusted.snapshot();
    let of = |role: &Role, expires: &Expiry| RoleExpiry {
        role: role.clone(),
        expires: expires.clone(),
        near: *role != Role::Timestamp && expires.is_near(now),
    };
    let top = [
        of(&Role::Root, snapshot.root().file().expires()),
        of(&Role::Timestamp, snapshot.timestamp().expires()),
        of(&Role::Snapshot, snapshot.snapshot().expires()),
    ];
    top.into_iter()
        .chain(trusted.files().map(|(role, file)| of(role, file.expires())))
        .collect()
}
