//! Validation of an upload.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp as Instant;

use super::generate::{PendingUpdate, SnapshotSource, holds, next_snapshot, stored_file};
use super::{Signer, Stored};
use crate::edit::{EditError, SignedFile};
use crate::metadata::{FileMeta, Malformed, Nullable, Root, Snapshot, Targets};
use crate::name::{Gun, Role};
use crate::pins::Pins;
use crate::refusal::Refusal;
use crate::trusted::{CachedRoot, signers, verify_own, verify_succession};
use crate::verify::{Demands, Signers, Verified, check_description, parse, verify};

/// Which part of an upload is refused; the names are those of the protocol's error detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Area {
    /// `ErrBadHierarchy`
    Hierarchy {
        /// The `Missing` member of the detail.
        missing: &'static str,
    },
    /// `ErrBadRoot`
    Root,
    /// `ErrBadSnapshot`
    Snapshot,
    /// `ErrBadTargets`
    Targets,
    /// `ErrValidation`
    Validation,
}

impl Area {
    /// The `Name` member of the detail.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hierarchy { .. } => "ErrBadHierarchy",
            Self::Root => "ErrBadRoot",
            Self::Snapshot => "ErrBadSnapshot",
            Self::Targets => "ErrBadTargets",
            Self::Validation => "ErrValidation",
        }
    }
}

/// Why an upload is not taken. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadRefusal {
    /// A part does not parse, or its version or expiry is no such thing (`MALFORMED_JSON`).
    #[error("{role}: {source}")]
    Malformed {
        /// The role.
        role: Role,
        /// What is wrong.
        source: Malformed,
    },
    /// A part is not valid (`INVALID_UPDATE`); the text of `cause` is the protocol's `Msg`.
    #[error("{}: {cause}", .area.name())]
    Invalid {
        /// Which part.
        area: Area,
        /// Why.
        cause: Cause,
    },
    /// A part's version is not above what is stored (`VERSION`).
    #[error("version {got} of {role} is not above version {stored}")]
    Version {
        /// The role.
        role: Role,
        /// Highest version stored.
        stored: u64,
        /// Version uploaded.
        got: u64,
    },
}

/// Why a part is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The GUN has no root, and the upload none either.
    #[error("no pre-existing root and no root provided in update.")]
    NoRoot,
    /// The server cannot sign the snapshot that the upload lacks.
    #[error(
        "no snapshot was included in update and server does not hold current snapshot key for repository"
    )]
    NoSnapshotKey,
    /// The server does not hold the timestamp key that the root names.
    #[error("no  timestamp keys exist on the server")]
    NoTimestampKey,
    /// A role that a snapshot must describe is neither stored nor uploaded.
    #[error("{role} role has not been loaded")]
    NotLoaded {
        /// The role.
        role: Role,
    },
    /// The file itself is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A root that is neither the current version nor the next.
    #[error("Root modifications must increment the version. Current {current}, new {new}")]
    RootVersion {
        /// Version stored; 1 if there is none.
        current: u64,
        /// Version uploaded.
        new: u64,
    },
    /// A generated file cannot be made.
    #[error(transparent)]
    Signing(#[from] EditError),
}

/// Validates an upload of files by role; a timestamp among them is ignored.
///
/// Unlike Notary this takes the received bytes for what will be stored and hashed, so that files which Go would write
/// otherwise do no harm. Stricter than Notary: as soon as any root is stored a new one must be signed by it; a new
/// root must leave the stored targets file valid; keys are counted once however many ids they have.
///
/// # Errors
/// Why nothing of it may be stored.
pub fn check_upload(
    gun: &Gun,
    stored: &Stored,
    parts: &BTreeMap<Role, Vec<u8>>,
    signer: &Signer<'_>,
    now: Instant,
) -> Result<PendingUpdate, UploadRefusal> {
    let mut upload = Upload {
        stored,
        parts,
        now,
        files: Vec::new(),
        targets: BTreeMap::new(),
    };
    let root = upload.root(gun)?;
    upload.all_targets(&root)?;
    if !parts.contains_key(&Role::Targets) && !stored.newest.contains_key(&Role::Targets) {
        return Err(invalid(
            Area::Validation,
            Cause::NotLoaded {
                role: Role::Targets,
            },
        ));
    }
    let snapshot = match parts.get(&Role::Snapshot) {
        Some(bytes) => upload.snapshot(&root, bytes)?,
        None => upload.generated_snapshot(&root, signer)?,
    };
    if !holds(signer, &root.content, &Role::Timestamp) {
        return Err(invalid(Area::Root, Cause::NoTimestampKey));
    }
    upload.check_versions()?;
    PendingUpdate::new(upload.files, snapshot, root.content, stored, signer, now)
        .map_err(|error| invalid(Area::Validation, error.into()))
}

struct Upload<'a> {
    stored: &'a Stored,
    parts: &'a BTreeMap<Role, Vec<u8>>,
    now: Instant,
    files: Vec<SignedFile>,
    /// Verified files, uploaded or stored, by role.
    targets: BTreeMap<Role, Arc<Verified<Targets>>>,
}

/// The root that is current once the upload is taken.
struct CurrentRoot {
    content: Root,
    bytes: Vec<u8>,
}

impl Upload<'_> {
    fn root(&mut self, gun: &Gun) -> Result<CurrentRoot, UploadRefusal> {
        let bad = |refusal: Refusal| refused(Area::Root, refusal);
        let stored = self.stored.root.as_deref();
        let Some(bytes) = self.parts.get(&Role::Root) else {
            let bytes = stored.ok_or_else(|| invalid(Area::Validation, Cause::NoRoot))?;
            let root = CachedRoot::from_bytes(gun, bytes).map_err(bad)?;
            return Ok(CurrentRoot {
                content: root.signed().clone(),
                bytes: bytes.to_vec(),
            });
        };
        let previous = stored.map(stored_file::<Root>);
        // A stored root that cannot be read must not open the door to a new owner.
        let previous = previous
            .map(|root| root.ok_or_else(|| invalid(Area::Validation, Cause::NoRoot)))
            .transpose()?;
        let root = parse::<Root>(&Role::Root, bytes).map_err(bad)?;
        let current = previous.as_ref().map_or(1, |root| root.version);
        let new = root.unverified().version;
        if new != current && Some(new) != current.checked_add(1) {
            return Err(invalid(Area::Root, Cause::RootVersion { current, new }));
        }
        if let Some(previous) = &previous {
            verify_succession(gun, previous, &root).map_err(bad)?;
        }
        let root = verify_own(gun, root, Some((&Pins::none(), self.now)), 1).map_err(bad)?;
        self.files
            .push(SignedFile::new(Role::Root, new, bytes.clone()));
        Ok(CurrentRoot {
            content: root.signed().clone(),
            bytes: bytes.clone(),
        })
    }

    /// Targets files by depth, then name; ancestors that were not uploaded are the stored ones.
    fn all_targets(&mut self, root: &CurrentRoot) -> Result<(), UploadRefusal> {
        let mut roles: Vec<&Role> = self
            .parts
            .keys()
            .filter(|role| role.holds_targets())
            .collect();
        roles.sort_by_key(|role| (role.depth(), (*role).clone()));
        for role in roles {
            let bytes = &self.parts[role];
            let file = self.verify_targets(root, role, bytes, Some(self.now))?;
            self.files
                .push(SignedFile::new(role.clone(), file.version(), bytes.clone()));
            self.targets.insert(role.clone(), Arc::new(file));
        }
        if self.parts.contains_key(&Role::Root) && self.stored.targets.contains_key(&Role::Targets)
        {
            self.targets_file(root, &Role::Targets)?;
        }
        Ok(())
    }

    fn verify_targets(
        &mut self,
        root: &CurrentRoot,
        role: &Role,
        bytes: &[u8],
        now: Option<Instant>,
    ) -> Result<Verified<Targets>, UploadRefusal> {
        let bad = |refusal| refused(Area::Targets, refusal);
        let demands = Demands {
            role,
            described: None,
            at_least: 0,
            now,
        };
        let Role::Delegation(name) = role else {
            return verify(bytes, &signers(&root.content, role), &demands).map_err(bad);
        };
        let delegator = self.targets_file(root, &name.delegator())?;
        let delegations = &delegator.signed().delegations;
        let delegation = delegations
            .role(name)
            .ok_or_else(|| bad(Refusal::UnknownRole { role: role.clone() }))?;
        verify(
            bytes,
            &Signers::of(&delegation.keys, &delegations.keys),
            &demands,
        )
        .map_err(bad)
    }

    /// A targets file that is uploaded, or stored and still valid but for its expiry.
    fn targets_file(
        &mut self,
        root: &CurrentRoot,
        role: &Role,
    ) -> Result<Arc<Verified<Targets>>, UploadRefusal> {
        if let Some(file) = self.targets.get(role) {
            return Ok(file.clone());
        }
        let Some(bytes) = self.stored.targets.get(role) else {
            return Err(refused(
                Area::Targets,
                Refusal::UnknownRole { role: role.clone() },
            ));
        };
        let file = Arc::new(self.verify_targets(root, role, bytes, None)?);
        self.targets.insert(role.clone(), file.clone());
        Ok(file)
    }

    /// An uploaded snapshot must describe the root and every targets file at hand, byte for byte.
    fn snapshot(
        &mut self,
        root: &CurrentRoot,
        bytes: &[u8],
    ) -> Result<SnapshotSource, UploadRefusal> {
        let bad = |refusal| refused(Area::Snapshot, refusal);
        let role = Role::Snapshot;
        let demands = Demands {
            role: &role,
            described: None,
            at_least: 0,
            now: Some(self.now),
        };
        let file: Verified<Snapshot> =
            verify(bytes, &signers(&root.content, &role), &demands).map_err(bad)?;
        self.files
            .push(SignedFile::new(role, file.version(), bytes.to_vec()));
        // One made from what has been replaced since describes other files; that it is late is what its sender must
        // hear.
        self.check_versions()?;
        let targets = self.targets.iter().map(|(role, file)| (role, file.bytes()));
        for (role, bytes) in std::iter::once((&Role::Root, &root.bytes[..])).chain(targets) {
            let described = file
                .signed()
                .describes(role)
                .ok_or_else(|| bad(Refusal::NoKnownHash { role: role.clone() }))?;
            check_description(role, bytes, described).map_err(bad)?;
        }
        Ok(SnapshotSource::Bytes(bytes.to_vec()))
    }

    fn generated_snapshot(
        &self,
        root: &CurrentRoot,
        signer: &Signer<'_>,
    ) -> Result<SnapshotSource, UploadRefusal> {
        if !holds(signer, &root.content, &Role::Snapshot) {
            return Err(invalid(
                Area::Hierarchy {
                    missing: "snapshot",
                },
                Cause::NoSnapshotKey,
            ));
        }
        let previous = self
            .stored
            .snapshot
            .as_deref()
            .and_then(stored_file::<Snapshot>);
        // Entries of ended delegations stay, as in Notary: a client that delegates again goes on from that version.
        let mut meta = previous.map_or_else(Nullable::default, |snapshot| snapshot.meta);
        // Without a snapshot that resolves, what is stored is described as it is.
        for (role, file) in &self.targets {
            meta.insert(role.as_str().to_owned(), FileMeta::of(file.bytes()));
        }
        meta.insert(Role::Root.as_str().to_owned(), FileMeta::of(&root.bytes));
        if !meta.contains_key(Role::Targets.as_str()) {
            return Err(invalid(
                Area::Validation,
                Cause::NotLoaded {
                    role: Role::Targets,
                },
            ));
        }
        next_snapshot(
            meta,
            &self.files,
            &root.content,
            self.stored,
            signer,
            self.now,
        )
        .map(SnapshotSource::Job)
        .map_err(|error| invalid(Area::Validation, error.into()))
    }

    fn check_versions(&self) -> Result<(), UploadRefusal> {
        for file in &self.files {
            if let Some(stored) = self
                .stored
                .newest
                .get(&file.role)
                .filter(|stored| **stored >= file.version)
            {
                let (role, got) = (file.role.clone(), file.version);
                return Err(UploadRefusal::Version {
                    role,
                    stored: *stored,
                    got,
                });
            }
        }
        Ok(())
    }
}

fn invalid(area: Area, cause: Cause) -> UploadRefusal {
    UploadRefusal::Invalid { area, cause }
}

fn refused(area: Area, refusal: Refusal) -> UploadRefusal {
    match refusal {
        Refusal::Malformed {
            role,
            source:
                source @ (Malformed::Json(_)
                | Malformed::Time { .. }
                | Malformed::WrongType {
                    field: "version", ..
                }),
        } => UploadRefusal::Malformed { role, source },
        refusal => invalid(area, refusal.into()),
    }
}
