//! Writing: update, change in memory, sign, one request; again on top of others' changes if they were faster.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future;
use keystore::{TrustDir, WriteLock};
use net::Bytes;
use pki::certificate::{CertificateBundle, self_signed_root};
use pki::digest::Sha256;
use pki::key::{CanonicalKeyId, PublicKey};
use tuf::edit::{EditError, Editor, InitialKeys, Lifetimes, SigningJob, SnapshotHolder};
use tuf::metadata::Signature;
use tuf::trusted::TargetsTrusted;
use tuf::{Gun, Role};

use crate::client::Repository;
use crate::error::TrustError;
use crate::inspect::{RoleExpiry, canonical, expiries};
use crate::remote::{Access, Remote, RemoteError};
use crate::session::{Event, NewKeys, Session};
use crate::signer::SignerName;

/// How often a change is made anew because somebody else published first.
const ATTEMPTS: u32 = 3;

/// Between two looks at a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A change of one repository, made again from the start if others were faster.
pub(crate) trait Change {
    /// What it did.
    type Outcome;

    /// What to do about a repository that the server does not know.
    fn missing(&self) -> Missing;

    /// Makes the change in memory.
    fn stage(
        &self,
        draft: &mut Draft<'_>,
        session: &mut Session<'_>,
    ) -> Result<Self::Outcome, TrustError>;
}

/// What to do about a repository that the server does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Fail,
    Initialise,
    /// With a first signer named after the user of the registry.
    InitialiseWithUser,
}

/// A change in the making.
pub(crate) struct Draft<'a> {
    pub(crate) repository: &'a Repository<'a>,
    pub(crate) editor: Editor,
    /// What the change starts from; none for a new repository.
    pub(crate) trusted: Option<&'a TargetsTrusted>,
    /// The signer that a new repository begins with.
    pub(crate) first_signer: Option<SignerName>,
    pub(crate) new_keys: NewKeys,
}

/// What a publishing use case did besides its own outcome.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Published<T> {
    /// What the use case did.
    pub outcome: T,
    /// The new versions on the server; empty if there was nothing to change.
    pub files: Vec<(Role, u64)>,
    /// Set if the repository did not exist before.
    pub initialised: Option<Initialised>,
    /// Roles not signed anew that expire within six months.
    pub expiring: Vec<RoleExpiry>,
}

/// A new repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Initialised {
    /// File name of the root key.
    pub root_key: CanonicalKeyId,
    /// Whether the root key was made for it; otherwise it was in the key store.
    pub root_key_is_new: bool,
    /// File name of the repository key, which is always new.
    pub repository_key: CanonicalKeyId,
    /// The first signer, named after the registry's user.
    pub signer: Option<String>,
}

/// What became of a request to publish.
enum Sent {
    Acknowledged,
    Again(RemoteError),
}

impl Draft<'_> {
    /// Those of the keys whose private halves are in the key store, or were made for this change.
    pub(crate) fn keys_at_hand<'k>(
        &self,
        keys: impl Iterator<Item = &'k PublicKey>,
    ) -> Result<Vec<CanonicalKeyId>, TrustError> {
        keys_at_hand(self.repository.client.keys(), &self.new_keys, keys)
    }
}

fn keys_at_hand<'k>(
    stored: &TrustDir,
    new_keys: &NewKeys,
    keys: impl Iterator<Item = &'k PublicKey>,
) -> Result<Vec<CanonicalKeyId>, TrustError> {
    let mut found = Vec::new();
    for id in keys.map(canonical) {
        if !found.contains(&id) && (new_keys.contains(&id) || stored.find(&id)?.is_some()) {
            found.push(id);
        }
    }
    Ok(found)
}

impl Repository<'_> {
    /// Creates the repository on the server, with nothing signed: root and targets by keys here, snapshot and
    /// timestamp by the server's. The root key is the one with the smallest id among the local ones, or new.
    ///
    /// # Errors
    /// [`TrustError::AlreadyInitialised`]; else as every publishing use case.
    pub async fn initialise(&self, session: &mut Session<'_>) -> Result<Published<()>, TrustError> {
        self.publish(&Initialise, session).await
    }

    /// Forgets what is cached, the pin included: for a repository that was deleted or made anew on the server with
    /// its owner's knowledge. Keys stay.
    ///
    /// # Errors
    /// [`TrustError::Keys`] for the lock, [`TrustError::Cache`].
    pub async fn forget(&self) -> Result<(), TrustError> {
        let _lock = self.lock().await?;
        Ok(self.cache.clear()?)
    }

    pub(crate) async fn publish<C: Change>(
        &self,
        change: &C,
        session: &mut Session<'_>,
    ) -> Result<Published<C::Outcome>, TrustError> {
        let lock = self.lock().await?;
        let remote = self.remote(Access::PullPush);
        for attempts in 1..=ATTEMPTS {
            let is_last = attempts == ATTEMPTS;
            let attempt = self.attempt(change, &remote, &lock, is_last, session);
            if let Some(published) = attempt.await? {
                return Ok(published);
            }
            session.tell(Event::Rebasing { attempts });
        }
        Err(TrustError::Contended {
            gun: self.gun.clone(),
            attempts: ATTEMPTS,
        })
    }

    /// One update, change and request; none if somebody else published in between.
    async fn attempt<C: Change>(
        &self,
        change: &C,
        remote: &Remote,
        lock: &WriteLock,
        is_last: bool,
        session: &mut Session<'_>,
    ) -> Result<Option<Published<C::Outcome>>, TrustError> {
        let trusted = match self.update_with(remote, session.now).await {
            Ok(trusted) => Some(trusted),
            Err(error) if error.is_not_initialised() && change.missing() != Missing::Fail => None,
            Err(error) => return Err(error),
        };
        let (mut draft, initialised) = match &trusted {
            Some(trusted) => (self.draft(trusted), None),
            None => {
                let (draft, initialised) =
                    self.first_draft(remote, change.missing(), session).await?;
                (draft, Some(initialised))
            }
        };
        let outcome = change.stage(&mut draft, session)?;
        let mut files = Vec::new();
        if draft.editor.is_dirty() {
            let (signed, mut new_keys) = self.sign_draft(draft, session)?;
            new_keys.save(self.client.keys(), lock)?;
            let bytes = signed.iter().map(|file| file.bytes.len()).sum();
            // A disk that cannot keep them is noticed before anything is published.
            let kept: Vec<_> = signed
                .iter()
                .map(|file| (&file.role, &*file.bytes))
                .collect();
            let staged = match self.cache.stage(&kept) {
                Ok(staged) => staged,
                Err(error) => {
                    new_keys.discard(self.client.keys(), lock);
                    return Err(error.into());
                }
            };
            session.tell(Event::Publishing {
                files: signed.len(),
                bytes,
            });
            match self
                .send(remote, &signed, &mut new_keys, lock, session)
                .await?
            {
                Sent::Acknowledged => {}
                Sent::Again(error) if initialised.is_some() => return Err(error.into()),
                // It is not others who were faster: the server fails.
                Sent::Again(error @ RemoteError::Status { .. }) if is_last => {
                    return Err(error.into());
                }
                Sent::Again(_) => return Ok(None),
            }
            staged.commit()?;
            session.tell(Event::Published { gun: &self.gun });
            files = signed;
        }
        let expiring = expiring(trusted.as_ref(), &files, session);
        let files = files
            .into_iter()
            .map(|file| (file.role, file.version))
            .collect();
        Ok(Some(Published {
            outcome,
            files,
            initialised,
            expiring,
        }))
    }

    /// Sends the files. New keys go when the server certainly refused.
    async fn send(
        &self,
        remote: &Remote,
        files: &[File],
        new_keys: &mut NewKeys,
        lock: &WriteLock,
        session: &Session<'_>,
    ) -> Result<Sent, TrustError> {
        let parts: Vec<_> = files
            .iter()
            .map(|file| (file.role.clone(), file.bytes.clone()))
            .collect();
        let Err(error) = remote.publish(&parts).await else {
            return Ok(Sent::Acknowledged);
        };
        if !error.leaves_publish_open() {
            new_keys.discard(self.client.keys(), lock);
            return match error {
                RemoteError::Conflict => Ok(Sent::Again(error)),
                error => Err(error.into()),
            };
        }
        // An original server answers 500 to the loser of a race, and a cut answer says nothing: look what is there.
        let unknown = |source| TrustError::OutcomeUnknown {
            gun: self.gun.clone(),
            source: Box::new(source),
        };
        match self.update_with(remote, session.now).await {
            Ok(trusted) if files.iter().all(|file| file.is_in(&trusted)) => Ok(Sent::Acknowledged),
            Ok(_) if matches!(error, RemoteError::Status { .. }) => Ok(Sent::Again(error)),
            _ => Err(unknown(error)),
        }
    }

    pub(crate) fn draft<'a>(&'a self, trusted: &'a TargetsTrusted) -> Draft<'a> {
        Draft {
            repository: self,
            editor: Editor::from_trusted(trusted),
            trusted: Some(trusted),
            first_signer: None,
            new_keys: NewKeys::default(),
        }
    }

    /// Everything that can be refused is asked before a key is made: the user's name, access to the server.
    pub(crate) async fn first_draft(
        &self,
        remote: &Remote,
        missing: Missing,
        session: &mut Session<'_>,
    ) -> Result<(Draft<'_>, Initialised), TrustError> {
        let first_signer = match missing {
            Missing::InitialiseWithUser => Some(self.user().await?),
            _ => None,
        };
        let keys = future::try_join(
            remote.server_key(&Role::Timestamp),
            remote.server_key(&Role::Snapshot),
        );
        let (timestamp, snapshot) = keys.await?;
        session.tell(Event::Initialising { gun: &self.gun });
        let mut new_keys = NewKeys::default();
        // Sorted by id.
        let local = self.client.keys().find_by_role("root")?;
        let root = match local.first() {
            Some(stored) => session.unlock(&stored.id)?,
            None => new_keys.generate(session, "root", None)?,
        };
        let targets = new_keys.generate(session, "targets", Some(&self.gun))?;
        let initialised = Initialised {
            root_key: root.canonical_id(),
            root_key_is_new: local.is_empty(),
            repository_key: targets.canonical_id(),
            signer: first_signer.as_ref().map(|name| name.as_str().to_owned()),
        };
        let certificate = self_signed_root(self.gun.as_str(), &root, session.now)?;
        let root = CertificateBundle::parse_pem(certificate.as_bytes())
            .ok()
            .and_then(|bundle| bundle.public_key().ok())
            .expect("a certificate that was just made is one");
        let keys = InitialKeys {
            root: vec![root],
            targets: vec![targets.public_key().clone()],
            snapshot: vec![snapshot],
            timestamp: vec![timestamp],
        };
        let editor = Editor::first_publication(&self.gun, keys)?;
        Ok((
            Draft {
                repository: self,
                editor,
                trusted: None,
                first_signer,
                new_keys,
            },
            initialised,
        ))
    }

    /// Signs every changed file with every key at hand that may.
    pub(crate) fn sign_draft(
        &self,
        draft: Draft<'_>,
        session: &mut Session<'_>,
    ) -> Result<(Vec<File>, NewKeys), TrustError> {
        let root = draft.editor.root();
        let ids = root
            .role_keys(&Role::Snapshot)
            .map_or(&[][..], |keys| keys.keyids.as_slice());
        let own = draft.keys_at_hand(ids.iter().filter_map(|id| root.keys.get(id)))?;
        let holder = if own.is_empty() {
            SnapshotHolder::Server
        } else {
            SnapshotHolder::Publisher
        };
        let Draft {
            editor, new_keys, ..
        } = draft;
        let signing = editor.sign(holder, &Lifetimes::default(), session.now)?;
        let mut sign = |job: &SigningJob| {
            let at_hand = keys_at_hand(
                self.client.keys(),
                &new_keys,
                job.keys().map(|(_, key)| key),
            )?;
            sign_job(job, &at_hand, session)
        };
        let mut signatures = BTreeMap::new();
        for job in signing.jobs() {
            signatures.insert(job.role().clone(), sign(job)?);
        }
        let signing = signing.finish(&signatures)?;
        let snapshot = signing.job().map(sign).transpose()?.unwrap_or_default();
        let files = signing.finish(&snapshot)?.into_files();
        let files = files.into_iter().map(|file| File {
            role: file.role,
            version: file.version,
            bytes: file.bytes.into(),
        });
        Ok((files.collect(), new_keys))
    }

    /// The right to write in the trust folder, without keeping other tasks of this process from giving it back.
    pub(crate) async fn lock(&self) -> Result<WriteLock, TrustError> {
        let mut waited = Duration::ZERO;
        loop {
            match self.client.keys().lock(Duration::ZERO) {
                Err(keystore::Error::Locked { .. }) if waited < self.client.config().lock_wait => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                    waited += LOCK_PAUSE;
                }
                Err(keystore::Error::Locked { path, pid, .. }) => {
                    return Err(keystore::Error::Locked { path, pid, waited }.into());
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}

/// A signed file on its way.
pub(crate) struct File {
    role: Role,
    version: u64,
    bytes: Bytes,
}

impl File {
    fn is_in(&self, trusted: &TargetsTrusted) -> bool {
        let described = trusted.snapshot().snapshot().signed().describes(&self.role);
        match self.role {
            Role::Snapshot => trusted.snapshot().snapshot().bytes() == &*self.bytes,
            _ => described.and_then(|meta| meta.hashes.sha256()) == Some(Sha256::of(&self.bytes)),
        }
    }
}

fn sign_job(
    job: &SigningJob,
    at_hand: &[CanonicalKeyId],
    session: &mut Session<'_>,
) -> Result<Vec<Signature>, TrustError> {
    // Before any passphrase is asked for.
    for quorum in job.quorums() {
        let acceptable: Vec<_> = quorum.keys.iter().map(canonical).collect();
        if acceptable.iter().filter(|id| at_hand.contains(id)).count() < quorum.threshold {
            return Err(TrustError::MissingKeys {
                role: job.role().clone(),
                acceptable,
                needed: quorum.threshold,
            });
        }
    }
    let mut signatures = Vec::new();
    for id in at_hand {
        signatures.extend(job.sign_with(&*session.unlock(id)?)?);
    }
    Ok(signatures)
}

fn expiring(
    trusted: Option<&TargetsTrusted>,
    renewed: &[File],
    session: &Session<'_>,
) -> Vec<RoleExpiry> {
    let all = trusted
        .map(|trusted| expiries(trusted, session.now))
        .unwrap_or_default();
    all.into_iter()
        .filter(|entry| entry.near && !renewed.iter().any(|file| file.role == entry.role))
        .collect()
}

struct Initialise;

impl Change for Initialise {
    type Outcome = ();

    fn missing(&self) -> Missing {
        Missing::Initialise
    }

    fn stage(&self, draft: &mut Draft<'_>, _: &mut Session<'_>) -> Result<(), TrustError> {
        let gun: &Gun = draft.editor.gun();
        match draft.trusted {
            Some(_) => Err(TrustError::AlreadyInitialised { gun: gun.clone() }),
            None => Ok(()),
        }
    }
}

impl From<EditError> for TrustError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::MissingSignatures {
                role, need, keys, ..
            } => Self::MissingKeys {
                role,
                acceptable: keys,
                needed: need,
            },
            error => Self::Edit(error),
        }
    }
}
