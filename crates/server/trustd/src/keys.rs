//! The public keys that the server answers with, and the private ones it signs with.

use std::{collections::BTreeSet, sync::Arc};

use pki::{
    key::{PublicKey, TufKeyId},
    signing::SigningKey,
};
use tuf::{
    Gun, Role,
    metadata::{Parsed, Root},
};

use crate::{
    error::Refused,
    keychain::KeyError,
    server::{TrustServer, apart, to_the_end},
    trust_store::TrustStore,
};

impl<S: TrustStore> TrustServer<S> {
    /// The key of a role: the one that the GUN's root names, if the server holds it; else the next one.
    pub(crate) async fn public_key(
        self: &Arc<Self>,
        gun: &Gun,
        role: &Role,
    ) -> Result<PublicKey, Refused> {
        let state = self.state(gun, &BTreeSet::new()).await?;
        let root = state.stored.root.as_deref();
        let root = root.and_then(|bytes| Parsed::<Root>::from_bytes(bytes).ok());
        if let Some(root) = root {
            let root = root.unverified();
            let ids = root
                .role_keys(role)
                .into_iter()
                .flat_map(|keys| keys.keyids.iter());
            let mut held = ids.filter(|id| state.held.contains(id));
            if let Some(key) = held.find_map(|id| root.keys.get(id)) {
                return Ok(key.clone());
            }
        }
        self.next_key(gun, role).await
    }

    /// The key for a role that has never signed, made if there is none. It takes effect when a root names it.
    pub(crate) async fn next_key(
        self: &Arc<Self>,
        gun: &Gun,
        role: &Role,
    ) -> Result<PublicKey, Refused> {
        let algorithm = self.settings.key_algorithm;
        let pending = self.store.pending_key(gun, role, algorithm.as_str()).await;
        if let Some(pending) = pending.map_err(Refused::Storage)? {
            return Ok(pending.public);
        }
        let this = Arc::clone(self);
        let new = apart("generate a key", move || this.keychain.generate(algorithm));
        let new = new.await?.map_err(Refused::NoNewKey)?;
        let (this, gun, role) = (Arc::clone(self), gun.clone(), role.clone());
        to_the_end("add a key", async move {
            let added = this.store.add_key(&gun, &role, new, this.now()).await;
            let key = added.map_err(Refused::Updating)?.public;
            tracing::info!(%gun, %role, id = %key.tuf_id(), "holds a key");
            Ok(key)
        })
        .await
    }

    /// A private key of the GUN.
    pub(crate) async fn signing_key(
        &self,
        gun: &Gun,
        id: TufKeyId,
    ) -> Result<Arc<SigningKey>, Refused> {
        if let Some(key) = self.keychain.unlocked(id) {
            return Ok(key);
        }
        let sealed = self.store.key(gun, id).await.map_err(Refused::Storage)?;
        let refused = |source| Refused::Key { id, source };
        let sealed = sealed.ok_or(refused(KeyError::Missing))?;
        let keychain = Arc::clone(&self.keychain);
        let unlocked = apart("unlock a key", move || keychain.unlock(id, &sealed));
        unlocked.await?.map_err(refused)
    }
}
