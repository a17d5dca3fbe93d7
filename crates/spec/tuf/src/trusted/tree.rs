//! The tree of targets files: loading delegations, and walking them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp as Instant;
use pki::digest::{Sha256, Sha512};
use pki::key::PublicKey;

use super::phases::{SnapshotTrusted, Wanted};
use crate::expiry::Expiry;
use crate::limits::MAX_DELEGATIONS;
use crate::metadata::{Custom, Delegation, FileMeta, Parsed, Targets};
use crate::name::{DelegationName, Role};
use crate::refusal::Refusal;
use crate::verify::{Demands, Signers, Verified, parse, verify};

/// Everything down to `targets` is trusted, and so are the delegations loaded so far.
///
/// Load them with [`Self::next_delegation`] and [`Self::delegation`] until there is none left; lists and look-ups see
/// only what is loaded.
#[derive(Debug, Clone)]
pub struct TargetsTrusted {
    snapshot: SnapshotTrusted,
    files: BTreeMap<Role, Arc<Verified<Targets>>>,
    skipped: BTreeMap<Role, Skipped>,
    /// Delegations still to load, the next one last.
    pending: Vec<DelegationName>,
    seen: usize,
}

/// A delegated role whose file was refused; nothing in it, nor below it, is trusted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Skipped {
    /// Why.
    pub refusal: Refusal,
    /// The file, which its owner may sign anew.
    pub file: Parsed<Targets>,
}

/// A signed name: a targets role that was verified states this length and these digests for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedTarget {
    name: String,
    role: Role,
    length: u64,
    meta: FileMeta,
}

impl TrustedTarget {
    /// The name; for images the tag.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The role that signed it.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256, if signed.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        self.meta.hashes.sha256()
    }

    /// SHA-512, if signed.
    #[must_use]
    pub fn sha512(&self) -> Option<Sha512> {
        self.meta.hashes.sha512()
    }

    /// Free-form data.
    #[must_use]
    pub fn custom(&self) -> Option<&Custom> {
        self.meta.custom.as_ref()
    }

    fn new(name: &str, role: &Role, meta: &FileMeta) -> Option<Self> {
        // A negative length describes nothing.
        let length = u64::try_from(meta.length).ok()?;
        Some(Self {
            name: name.to_owned(),
            role: role.clone(),
            length,
            meta: meta.clone(),
        })
    }
}

/// One delegated role as its delegator lists it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DelegatedRole<'a> {
    /// The delegation: name, key ids, threshold, paths as written.
    pub delegation: &'a Delegation,
    /// Its keys, in order.
    pub keys: Vec<&'a PublicKey>,
    /// The delegator.
    pub delegator: Role,
}

impl TargetsTrusted {
    pub(super) fn new(snapshot: SnapshotTrusted, targets: Verified<Targets>) -> Self {
        let mut this = Self {
            snapshot,
            files: BTreeMap::new(),
            skipped: BTreeMap::new(),
            pending: Vec::new(),
            seen: 0,
        };
        this.insert(Role::Targets, targets);
        this
    }

    /// The next delegation that the snapshot describes, in pre-order: parents before children, siblings in order.
    #[must_use]
    pub fn next_delegation(&mut self) -> Option<Wanted> {
        while let Some(name) = self.pending.last() {
            if let Some(wanted) = self.snapshot.wanted_role(&Role::Delegation(name.clone())) {
                return Some(wanted);
            }
            // Nothing was ever signed into this role.
            self.pending.pop();
        }
        None
    }

    /// Accepts the file of the role that [`Self::next_delegation`] named. An expired file or one with too few
    /// signatures is recorded as skipped ([`Self::skipped`]) and is no error.
    ///
    /// # Errors
    /// [`Refusal::UnknownRole`] if no delegation is next; [`Refusal::TooManyDelegations`]; any other [`Refusal`] about
    /// the file, which fails the whole update.
    pub fn delegation(&mut self, bytes: &[u8], at_least: u64, now: Instant) -> Result<(), Refusal> {
        let wanted = self.next_delegation().ok_or(Refusal::UnknownRole {
            role: Role::Targets,
        })?;
        self.seen += 1;
        if self.seen > MAX_DELEGATIONS {
            return Err(Refusal::TooManyDelegations {
                limit: MAX_DELEGATIONS,
            });
        }
        let name = self
            .pending
            .pop()
            .expect("next_delegation left the role it returned");
        let delegated = self
            .delegated(&name)
            .expect("a pending role was listed by its delegator");
        let delegator = self
            .files
            .get(&delegated.delegator)
            .expect("the delegator was loaded before");
        let signers = Signers::of(
            &delegated.delegation.keys,
            &delegator.signed().delegations.keys,
        );
        let demands = Demands {
            role: &wanted.role,
            described: Some(&wanted.meta),
            at_least,
            now: Some(now),
        };
        match verify(bytes, &signers, &demands) {
            Ok(file) => self.insert(wanted.role, file),
            Err(refusal) if refusal.skips_delegation() => {
                let file = parse(&wanted.role, bytes)?;
                self.skipped.insert(wanted.role, Skipped { refusal, file });
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    /// Root, timestamp and snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &SnapshotTrusted {
        &self.snapshot
    }

    /// The verified file of `targets` or of a loaded delegation.
    #[must_use]
    pub fn file(&self, role: &Role) -> Option<&Verified<Targets>> {
        self.files.get(role).map(AsRef::as_ref)
    }

    /// Every verified targets file, by role.
    pub fn files(&self) -> impl Iterator<Item = (&Role, &Verified<Targets>)> {
        self.files.iter().map(|(role, file)| (role, file.as_ref()))
    }

    /// Delegated roles that the snapshot describes and that are still to be loaded.
    pub(crate) fn unloaded(&self) -> BTreeSet<Role> {
        let pending = self.pending.iter().cloned().map(Role::Delegation);
        pending
            .filter(|role| self.snapshot.wanted_role(role).is_some())
            .collect()
    }

    pub(crate) fn shared_files(&self) -> &BTreeMap<Role, Arc<Verified<Targets>>> {
        &self.files
    }

    /// Delegated roles whose files were refused.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<Role, Skipped> {
        &self.skipped
    }

    /// Verified files with less than six calendar months left: root, targets and delegations, snapshot. Timestamps
    /// always have less and are left out, as in Notary.
    #[must_use]
    pub fn nearing_expiry(&self, now: Instant) -> Vec<(Role, Expiry)> {
        let root = (Role::Root, self.snapshot.root().file().expires());
        let snapshot = (Role::Snapshot, self.snapshot.snapshot().expires());
        let targets = self
            .files
            .iter()
            .map(|(role, file)| (role.clone(), file.expires()));
        let all = std::iter::once(root).chain(targets).chain([snapshot]);
        all.filter(|(_, expires)| expires.is_near(now))
            .map(|(role, expires)| (role, expires.clone()))
            .collect()
    }

    /// Every delegated role that a verified file lists, with or without a file of its own; breadth first.
    #[must_use]
    pub fn delegated_roles(&self) -> Vec<DelegatedRole<'_>> {
        let mut found = Vec::new();
        let mut queue = VecDeque::from([Role::Targets]);
        while let Some(delegator) = queue.pop_front() {
            let Some(file) = self.files.get(&delegator) else {
                continue;
            };
            let delegations = &file.signed().delegations;
            for delegation in delegations.roles.iter() {
                queue.push_back(delegation.name.clone().into());
                let keys = delegations
                    .keys_of(delegation)
                    .map(|(_, key)| key)
                    .collect();
                found.push(DelegatedRole {
                    delegation,
                    keys,
                    delegator: delegator.clone(),
                });
            }
        }
        found
    }

    /// One delegated role.
    #[must_use]
    pub fn delegated(&self, name: &DelegationName) -> Option<DelegatedRole<'_>> {
        let delegator = name.delegator();
        let delegations = &self.files.get(&delegator)?.signed().delegations;
        let delegation = delegations.role(name)?;
        let keys = delegations
            .keys_of(delegation)
            .map(|(_, key)| key)
            .collect();
        Some(DelegatedRole {
            delegation,
            keys,
            delegator,
        })
    }

    /// Signed names, sorted, each from the first role that has it (`notary:client/reader.go:ListTargets`).
    ///
    /// `roles` are walked in the order given, each with all below it but the other ones given; none means `targets`.
    #[must_use]
    pub fn list(&self, roles: &[Role]) -> Vec<TrustedTarget> {
        let mut found: BTreeMap<&str, (&Role, &FileMeta)> = BTreeMap::new();
        self.walk_each(roles, None, |role, file, paths| {
            for (name, meta) in file.targets.iter() {
                if paths.allow(name) {
                    found.entry(name).or_insert((role, meta));
                }
            }
            true
        });
        found
            .into_iter()
            .filter_map(|(name, (role, meta))| TrustedTarget::new(name, role, meta))
            .collect()
    }

    /// A name from the first role that has it, breadth first (`notary:client/reader.go:GetTargetByName`); `roles` as
    /// in [`Self::list`].
    #[must_use]
    pub fn lookup(&self, name: &str, roles: &[Role]) -> Option<TrustedTarget> {
        let mut found = None;
        self.walk_each(roles, Some(name), |role, file, _| {
            found = file
                .targets
                .get(name)
                .and_then(|meta| TrustedTarget::new(name, role, meta));
            found.is_none()
        });
        found
    }

    /// Every entry of every role, breadth first, of one name or of all
    /// (`notary:client/reader.go:GetAllTargetMetadataByName`).
    #[must_use]
    pub fn entries(&self, name: Option<&str>) -> Vec<TrustedTarget> {
        let mut found = Vec::new();
        self.for_each_entry(name, |role, name, meta| {
            found.extend(TrustedTarget::new(name, role, meta));
        });
        found
    }

    /// Visits what [`Self::entries`] copies: the role, the name, and what the role says about it.
    pub fn for_each_entry<'a>(
        &'a self,
        name: Option<&str>,
        mut visit: impl FnMut(&'a Role, &'a str, &'a FileMeta),
    ) {
        self.walk_each(&[], name, |role, file, paths| {
            let mut entry = |name: &'a String, meta: &'a FileMeta| {
                // A negative length describes nothing.
                if meta.length >= 0 && paths.allow(name) {
                    visit(role, name, meta);
                }
            };
            match name {
                Some(name) => file
                    .targets
                    .get_key_value(name)
                    .map_or((), |(name, meta)| entry(name, meta)),
                None => file
                    .targets
                    .iter()
                    .for_each(|(name, meta)| entry(name, meta)),
            }
            true
        });
    }

    /// Walks from each role of `roles`; `visit` gets the role, its file and the paths effective for it, and ends
    /// everything by returning false.
    fn walk_each<'a>(
        &'a self,
        roles: &[Role],
        name: Option<&str>,
        mut visit: impl FnMut(&'a Role, &'a Targets, &Paths<'a>) -> bool,
    ) {
        let roles = if roles.is_empty() {
            &[Role::Targets]
        } else {
            roles
        };
        for start in roles {
            if !self.walk(start, roles, name, &mut visit) {
                return;
            }
        }
    }

    /// `notary:tuf/tuf.go:WalkTargets`. Returns false once `visit` did.
    fn walk<'a>(
        &'a self,
        start: &Role,
        named: &[Role],
        name: Option<&str>,
        visit: &mut impl FnMut(&'a Role, &'a Targets, &Paths<'a>) -> bool,
    ) -> bool {
        let mut queue = VecDeque::from([(Role::Targets, Paths::all())]);
        while let Some((role, paths)) = queue.pop_front() {
            let Some((role, file)) = self.files.get_key_value(&role) else {
                continue;
            };
            let file = file.signed();
            let above = start != role && start.is_within(role);
            if !above {
                let other = role != start && named.contains(role);
                if !role.is_within(start) || other || name.is_some_and(|name| !paths.allow(name)) {
                    continue;
                }
                if !visit(role, file, &paths) {
                    return false;
                }
            }
            for delegation in file.delegations.roles.iter() {
                queue.push_back((delegation.name.clone().into(), paths.restrict(delegation)));
            }
        }
        true
    }

    fn insert(&mut self, role: Role, file: Verified<Targets>) {
        let children = file
            .signed()
            .delegations
            .roles
            .iter()
            .rev()
            .map(|child| child.name.clone());
        self.pending.extend(children);
        self.files.insert(role, Arc::new(file));
    }
}

/// The prefixes of the names that a role may sign, after those of all its delegators.
#[derive(Debug)]
pub(crate) struct Paths<'a>(Vec<&'a str>);

impl<'a> Paths<'a> {
    /// Every name: what `targets` itself may sign.
    pub(crate) fn all() -> Self {
        Self(vec![""])
    }

    pub(crate) fn allow(&self, name: &str) -> bool {
        self.0.iter().any(|path| name.starts_with(path))
    }

    /// A child's path counts only below one of its delegator's.
    pub(crate) fn restrict(&self, child: &'a Delegation) -> Self {
        Self(
            child
                .paths
                .iter()
                .map(String::as_str)
                .filter(|path| self.allow(path))
                .collect(),
        )
    }
}
