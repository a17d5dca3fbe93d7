//! What changes a GUN: uploads, and the server's own renewal of what it signs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use pki::{digest::Sha256, key::TufKeyId};
use tuf::{
    Gun, Role,
    edit::SigningJob,
    metadata::{Metadata, Parsed, Signature, Snapshot, Timestamp as TimestampFile},
    server::{
        Area, Cause, PendingUpdate, RenewRefusal, SNAPSHOT_RENEWAL_HOURS, Signer, Stored,
        TIMESTAMP_RENEWAL_HOURS, UploadRefusal, check_upload, renew,
    },
};

use crate::{
    current::CurrentTimestamp,
    error::Refused,
    http_date::last_modified,
    server::{TrustServer, apart, to_the_end},
    trust_store::{GunState, Published, RoleSet, TrustStore},
};

/// How long a timestamp that cannot be renewed, or whose snapshot cannot, is served without another try.
const RETRY: SignedDuration = SignedDuration::from_secs(60);

/// What an update was made from.
struct Base {
    gun: Gun,
    state: GunState,
    now: Timestamp,
}

impl<S: TrustStore> TrustServer<S> {
    pub(crate) async fn publish_alone(
        &self,
        gun: Gun,
        parts: BTreeMap<Role, Vec<u8>>,
    ) -> Result<(), Refused> {
        let _alone = self.alone(&gun).await;
        let uploaded: BTreeSet<Role> = parts.keys().cloned().collect();
        let described = targets_of_lone_snapshot(&parts);
        let state = self.state(&gun, &uploaded).await?;
        let now = self.now();
        let base = Arc::new(Base { gun, state, now });
        let (judged, lifetimes) = (Arc::clone(&base), self.settings.lifetimes);
        let pending = apart("judge an upload", move || {
            let signer = Signer {
                held: &judged.state.held,
                lifetimes: &lifetimes,
            };
            check_upload(
                &judged.gun,
                &judged.state.stored,
                &parts,
                &signer,
                judged.now,
            )
        })
        .await??;
        if let Some(sha256) = described {
            self.check_stored_targets(&base.gun, sha256).await?;
        }
        self.sign_and_store(&base, pending).await?;
        tracing::info!(gun = %base.gun, roles = ?uploaded, "published");
        Ok(())
    }

    /// Checks that a snapshot which came without targets describes such as are there: no client could read the GUN any
    /// more. Notary takes it.
    async fn check_stored_targets(&self, gun: &Gun, sha256: Sha256) -> Result<(), Refused> {
        let role = Role::Targets;
        let found = self.store.file_by_digest(gun, &role, sha256).await;
        if found.map_err(Refused::Storage)?.is_some() {
            return Ok(());
        }
        let (area, cause) = (Area::Snapshot, Cause::NotLoaded { role });
        Err(UploadRefusal::Invalid { area, cause }.into())
    }

    /// The newest timestamp, renewed if need be.
    ///
    /// # Errors
    /// [`Refused::NotFound`]; why an expired one cannot be renewed; the store's reason.
    pub(crate) async fn current_timestamp(
        self: &Arc<Self>,
        gun: &Gun,
    ) -> Result<CurrentTimestamp, Refused> {
        let now = self.now();
        if let Some(current) = self.current.fresh(gun, now) {
            return Ok(current);
        }
        let began = self.current.begin_read();
        let state = self.state(gun, &BTreeSet::new()).await?;
        let Some(current) = servable(&state, now) else {
            return Err(Refused::NotFound);
        };
        match self.renewal(gun, &state.stored, &state.held, now) {
            Ok(None) => {
                self.current.remember(gun, current.clone(), began);
                return Ok(current);
            }
            Ok(Some(_)) => {}
            Err(refusal) => return Err(refusal),
        }
        let (this, owned) = (Arc::clone(self), gun.clone());
        match to_the_end("renew", async move { this.renew_alone(&owned).await }).await {
            Err(refused) if !is_expired(&state.stored, now) => {
                tracing::error!(%gun, error = &refused as &dyn std::error::Error, "could not renew");
                self.current.remember(gun, current.clone(), began);
                Ok(current)
            }
            renewed => renewed,
        }
    }

    /// Renews what the server signs, unless somebody else just did; gives the newest timestamp.
    async fn renew_alone(&self, gun: &Gun) -> Result<CurrentTimestamp, Refused> {
        let _alone = self.alone(gun).await;
        let state = self.state(gun, &BTreeSet::new()).await?;
        let now = self.now();
        if let Some(pending) = self.renewal(gun, &state.stored, &state.held, now)? {
            let gun = gun.clone();
            self.sign_and_store(&Base { gun, state, now }, pending)
                .await?;
        }
        let state = self.state(gun, &BTreeSet::new()).await?;
        servable(&state, now).ok_or(Refused::NotFound)
    }

    fn renewal(
        &self,
        gun: &Gun,
        stored: &Stored,
        held: &BTreeSet<TufKeyId>,
        now: Timestamp,
    ) -> Result<Option<PendingUpdate>, Refused> {
        let lifetimes = &self.settings.lifetimes;
        renew(gun, stored, &Signer { held, lifetimes }, now).map_err(|refusal| match refusal {
            RenewRefusal::Missing { .. } => Refused::NotFound,
            refusal => Refused::Renew(refusal),
        })
    }

    async fn sign_and_store(&self, base: &Base, pending: PendingUpdate) -> Result<(), Refused> {
        let mut signed_with = Vec::new();
        let snapshot = match pending.snapshot_job() {
            Some(job) => self.sign(base, job, &mut signed_with).await?,
            None => Vec::new(),
        };
        let timestamp = pending
            .finish_snapshot(&snapshot)
            .map_err(Refused::Signing)?;
        let signatures = self.sign(base, timestamp.job(), &mut signed_with).await?;
        let publication = timestamp.finish(&signatures).map_err(Refused::Signing)?;
        let set = RoleSet {
            gun: base.gun.clone(),
            replaces: base.state.replaces,
            files: publication.into_files(),
            signed_with,
            at: base.now,
        };
        let published = self.store.publish_role_set(set).await;
        // Even if it failed: the answer of a store may be lost after the commit.
        self.current.forget(&base.gun);
        match published.map_err(Refused::Updating)? {
            Published::Stored => Ok(()),
            Published::Conflict { role, stored, got } => Err(Refused::version(role, stored, got)),
            Published::Moved => Err(Refused::Raced),
        }
    }

    /// Signs with every key of the job that the server holds.
    async fn sign(
        &self,
        base: &Base,
        job: &SigningJob,
        signed_with: &mut Vec<TufKeyId>,
    ) -> Result<Vec<Signature>, Refused> {
        let mut signatures = Vec::new();
        for (id, _) in job.keys() {
            if !base.state.held.contains(&id) {
                continue;
            }
            let key = self.signing_key(&base.gun, id).await?;
            let made = job.sign_with(&key).map_err(|source| Refused::Key {
                id,
                source: source.into(),
            })?;
            signatures.extend(made);
            signed_with.push(id);
        }
        Ok(signatures)
    }
}

/// What an uploaded snapshot says about targets that are not uploaded with it.
fn targets_of_lone_snapshot(parts: &BTreeMap<Role, Vec<u8>>) -> Option<Sha256> {
    if parts.contains_key(&Role::Targets) {
        return None;
    }
    let snapshot = Parsed::<Snapshot>::from_bytes(parts.get(&Role::Snapshot)?).ok()?;
    let described = snapshot.unverified().describes(&Role::Targets)?;
    described.hashes.sha256()
}

/// The newest timestamp as it is.
fn servable(state: &GunState, now: Timestamp) -> Option<CurrentTimestamp> {
    let bytes = state.stored.timestamp.clone()?;
    let later = |expiry: Option<Timestamp>, hours: i64| {
        let due = expiry?
            .checked_sub(SignedDuration::from_hours(hours))
            .ok()?;
        (due > now).then_some(due)
    };
    let due = later(timestamp_expiry(&state.stored), TIMESTAMP_RENEWAL_HOURS)
        .zip(later(
            snapshot_expiry(&state.stored),
            SNAPSHOT_RENEWAL_HOURS,
        ))
        .map(|(timestamp, snapshot)| timestamp.min(snapshot));
    let again = now.saturating_add(RETRY).unwrap_or(now);
    let again = timestamp_expiry(&state.stored).map_or(again, |expiry| again.min(expiry));
    Some(CurrentTimestamp {
        bytes: bytes.into(),
        last_modified: last_modified(state.created?),
        fresh_until: due.unwrap_or(again),
    })
}

fn is_expired(stored: &Stored, now: Timestamp) -> bool {
    timestamp_expiry(stored).is_none_or(|expiry| expiry < now)
}

fn timestamp_expiry(stored: &Stored) -> Option<Timestamp> {
    expiry::<TimestampFile>(stored.timestamp.as_deref(), |file| file.expires.at())
}

fn snapshot_expiry(stored: &Stored) -> Option<Timestamp> {
    expiry::<Snapshot>(stored.snapshot.as_deref(), |file| file.expires.at())
}

fn expiry<T: Metadata>(bytes: Option<&[u8]>, at: fn(&T) -> Timestamp) -> Option<Timestamp> {
    Some(at(Parsed::from_bytes(bytes?).ok()?.unverified()))
}
