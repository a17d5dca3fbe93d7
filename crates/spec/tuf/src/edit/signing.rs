//! From staged changes to signed files, in two rounds: the snapshot describes the files of the first.

use std::collections::BTreeMap;

use jiff::Timestamp as Instant;

use super::job::{Lifetimes, Quorum, SignedFile, SigningJob};
use super::{EditError, Editor};
use crate::metadata::{FileMap, Metadata, Root, Signature, Snapshot};
use crate::name::Role;

/// Who signs the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are these two")]
pub enum SnapshotHolder {
    /// The publisher, with a key of their own.
    Publisher,
    /// The trust server: no snapshot is uploaded.
    Server,
}

/// First round: root, targets and delegations.
#[derive(Debug, Clone)]
#[must_use = "nothing is published before both rounds are finished"]
pub struct Signing {
    jobs: Vec<SigningJob>,
    unchanged_root: Option<SignedFile>,
    root: Root,
    snapshot: Option<Snapshot>,
}

/// Second round: the snapshot, if the publisher signs it.
#[derive(Debug, Clone)]
#[must_use = "nothing is published before both rounds are finished"]
pub struct SnapshotSigning {
    files: Vec<SignedFile>,
    job: Option<SigningJob>,
}

/// The files to upload, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication(pub(crate) Vec<SignedFile>);

impl Editor {
    /// Ends the editing: every changed role gets the next version and a full new lifetime.
    ///
    /// # Errors
    /// [`EditError::Time`], or [`EditError::UnknownRole`] if the delegation of a changed role is gone.
    pub fn sign(
        mut self,
        holder: SnapshotHolder,
        lifetimes: &Lifetimes,
        now: Instant,
    ) -> Result<Signing, EditError> {
        let mut jobs = Vec::new();
        let mut unchanged_root = None;
        if let Some(root) = &mut self.edited_root {
            renew(root, &Role::Root, lifetimes, now)?;
            jobs.push(root_job(
                root,
                self.trusted_root.as_ref(),
                std::mem::take(&mut self.former_root_keys),
            ));
        } else if let Some(bytes) = self.unpublished_root.take() {
            unchanged_root = Some(SignedFile::new(
                Role::Root,
                self.root().version,
                bytes.to_vec(),
            ));
        }
        for (role, mut content) in std::mem::take(&mut self.edited) {
            renew(&mut content, &role, lifetimes, now)?;
            self.edited.insert(role, content);
        }
        for (role, content) in &self.edited {
            jobs.push(SigningJob::new(
                role.clone(),
                content,
                vec![self.quorum(role)?],
                Vec::new(),
            ));
        }
        let snapshot = match holder {
            SnapshotHolder::Server => None,
            SnapshotHolder::Publisher => {
                let expires = lifetimes.expiry(&Role::Snapshot, now)?;
                let version = self.snapshot.version.saturating_add(1);
                Some(Snapshot {
                    expires,
                    meta: self.snapshot.meta.clone(),
                    version,
                })
            }
        };
        Ok(Signing {
            jobs,
            unchanged_root,
            root: self.root().clone(),
            snapshot,
        })
    }

    /// Who signs targets or a delegated role, as staged.
    fn quorum(&self, role: &Role) -> Result<Quorum, EditError> {
        let unknown = || EditError::UnknownRole { role: role.clone() };
        match role {
            Role::Delegation(name) => {
                let delegations = &self
                    .targets(&name.delegator())
                    .ok_or_else(unknown)?
                    .delegations;
                let delegation = delegations.role(name).ok_or_else(unknown)?;
                Ok(Quorum::of(&delegation.keys, &delegations.keys))
            }
            _ => {
                let keys = self.root().role_keys(role).ok_or_else(unknown)?;
                Ok(Quorum::of(keys, &self.root().keys))
            }
        }
    }
}

impl Signing {
    /// What is to be signed: the root first, then targets, then delegations.
    #[must_use]
    pub fn jobs(&self) -> &[SigningJob] {
        &self.jobs
    }

    /// Takes the signatures of each job by its role.
    ///
    /// # Errors
    /// A signature that is not valid, or too few of them.
    pub fn finish(
        self,
        signatures: &BTreeMap<Role, Vec<Signature>>,
    ) -> Result<SnapshotSigning, EditError> {
        let mut files: Vec<SignedFile> = self.unchanged_root.into_iter().collect();
        for job in &self.jobs {
            files.push(job.finish(signatures.get(job.role()).map_or(&[], Vec::as_slice))?);
        }
        let job = self.snapshot.map(|mut snapshot| {
            describe(&mut snapshot.meta, &files);
            role_job(Role::Snapshot, &snapshot, &self.root)
        });
        Ok(SnapshotSigning { files, job })
    }
}

impl SnapshotSigning {
    /// The snapshot to be signed; none if the server does that.
    #[must_use]
    pub fn job(&self) -> Option<&SigningJob> {
        self.job.as_ref()
    }

    /// Takes the signatures of the snapshot, none if there is no job.
    ///
    /// # Errors
    /// A signature that is not valid, or too few of them.
    pub fn finish(mut self, signatures: &[Signature]) -> Result<Publication, EditError> {
        if let Some(job) = &self.job {
            self.files.push(job.finish(signatures)?);
        }
        Ok(Publication(self.files))
    }
}

impl Publication {
    /// The files: root, targets, delegations, snapshot.
    #[must_use]
    pub fn files(&self) -> &[SignedFile] {
        &self.0
    }

    /// The files, by value.
    #[must_use]
    pub fn into_files(self) -> Vec<SignedFile> {
        self.0
    }
}

/// Sets the next version and a new expiry.
pub(crate) fn renew(
    content: &mut impl Metadata,
    role: &Role,
    lifetimes: &Lifetimes,
    now: Instant,
) -> Result<(), EditError> {
    let version = content.version().saturating_add(1);
    content.renew(version, lifetimes.expiry(role, now)?);
    Ok(())
}

/// Puts the descriptions of `files` in a snapshot.
pub(crate) fn describe(meta: &mut FileMap, files: &[SignedFile]) {
    meta.extend(
        files
            .iter()
            .map(|file| (file.role.as_str().to_owned(), file.describe())),
    );
}

/// The job for a file that a root's keys sign.
pub(crate) fn role_job(role: Role, content: &impl Metadata, root: &Root) -> SigningJob {
    let quorums = root
        .role_keys(&role)
        .map(|keys| Quorum::of(keys, &root.keys))
        .into_iter()
        .collect();
    SigningJob::new(role, content, quorums, Vec::new())
}

fn root_job(root: &Root, trusted: Option<&Root>, former: Vec<pki::key::PublicKey>) -> SigningJob {
    let quorum = |root: &Root| {
        root.role_keys(&Role::Root)
            .map(|keys| Quorum::of(keys, &root.keys))
    };
    let quorums = std::iter::once(root)
        .chain(trusted)
        .filter_map(quorum)
        .collect();
    SigningJob::new(Role::Root, root, quorums, former)
}
