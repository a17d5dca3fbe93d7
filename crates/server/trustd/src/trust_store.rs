use std::{collections::BTreeSet, fmt};

use bytes::Bytes;
use jiff::Timestamp;
use pki::{digest::Sha256, key::PublicKey, key::TufKeyId};
use tuf::{Gun, Role, edit::SignedFile, server::Stored};

/// A stored version of a role's file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredFile {
    /// The bytes as they were received or signed.
    pub bytes: Bytes,
    /// When they were stored.
    pub created: Timestamp,
}

/// What is known of a GUN, all read at one moment.
#[derive(Clone, Debug, Default)]
pub struct GunState {
    /// The files.
    pub stored: Stored,
    /// Digest of the newest timestamp: what the next [`RoleSet`] replaces.
    pub replaces: Option<Sha256>,
    /// When the newest timestamp was stored.
    pub created: Option<Timestamp>,
    /// The keys that the server holds for the GUN, pending ones too.
    pub held: BTreeSet<TufKeyId>,
}

/// Files that are published together.
#[derive(Clone, Debug)]
pub struct RoleSet {
    /// The GUN.
    pub gun: Gun,
    /// The state that the files were made for: [`GunState::replaces`].
    pub replaces: Option<Sha256>,
    /// The files; one of them is a timestamp.
    pub files: Vec<SignedFile>,
    /// Server-held keys that signed, which are not pending any more.
    pub signed_with: Vec<TufKeyId>,
    /// Now.
    pub at: Timestamp,
}

/// What became of a [`RoleSet`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "callers must tell all apart")]
pub enum Published {
    /// It is stored.
    Stored,
    /// Nothing is stored: a role is there with this version or a higher one.
    Conflict {
        /// The role.
        role: Role,
        /// Highest version stored.
        stored: u64,
        /// The version that was to be stored.
        got: u64,
    },
    /// Nothing is stored: the state is not the one that the files were made for.
    Moved,
}

/// A server-held key as it lies in the store. `Debug` does not show the envelope.
#[derive(Clone, Eq, PartialEq)]
pub struct SealedKey {
    /// The public key.
    pub public: PublicKey,
    /// The secret (`pki::signing::SigningKey::to_signer_secret`) in a `pki::envelope`.
    pub sealed: String,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealedKey")
            .field(&self.public.tuf_id())
            .finish()
    }
}

/// One entry of the changefeed: a new timestamp, or the deletion of a GUN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Ascending, never used again.
    pub id: i64,
    /// The GUN.
    pub gun: String,
    /// The timestamp's version and digest; none for a deletion.
    pub update: Option<(u64, Sha256)>,
    /// When.
    pub created: Timestamp,
}

/// Which changes to read. They are given oldest first in any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "these are the two directions")]
pub enum ChangeWindow {
    /// The first `limit` changes after this id.
    After {
        /// Id, exclusive; 0 for the beginning.
        id: i64,
        /// Most changes.
        limit: u32,
    },
    /// The last `limit` changes before this id.
    Before {
        /// Id, exclusive; none for the newest.
        id: Option<i64>,
        /// Most changes.
        limit: u32,
    },
}

/// What the trust server remembers.
///
/// Every method that changes something answers when the change is durable, and changes all of it or nothing. Names are
/// compared exactly. The current files of a GUN are those that its newest timestamp leads to; a link that leads nowhere
/// is as good as no file. `sqlite.rs` is the implementation for one machine.
pub trait TrustStore: Send + Sync + 'static {
    /// Stores files that belong together, if nothing was published since they were made and every version is higher
    /// than what is stored; enters them in the changefeed.
    fn publish_role_set(
        &self,
        set: RoleSet,
    ) -> impl Future<Output = Result<Published, store::Error>> + Send;

    /// What is needed to judge an upload of files for these roles.
    fn state(
        &self,
        gun: &Gun,
        uploaded: &BTreeSet<Role>,
    ) -> impl Future<Output = Result<GunState, store::Error>> + Send;

    /// The current file of a role.
    fn current_file(
        &self,
        gun: &Gun,
        role: &Role,
    ) -> impl Future<Output = Result<Option<StoredFile>, store::Error>> + Send;

    /// The file of a role with this digest, current or not.
    fn file_by_digest(
        &self,
        gun: &Gun,
        role: &Role,
        sha256: Sha256,
    ) -> impl Future<Output = Result<Option<StoredFile>, store::Error>> + Send;

    /// The file of a role with this version, current or not.
    fn file_by_version(
        &self,
        gun: &Gun,
        role: &Role,
        version: u64,
    ) -> impl Future<Output = Result<Option<StoredFile>, store::Error>> + Send;

    /// Removes all files of a GUN, not its keys; whether there were any. Enters it in the changefeed.
    fn delete_gun(
        &self,
        gun: &Gun,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Changes of a GUN, or of all.
    fn changes(
        &self,
        gun: Option<&Gun>,
        window: ChangeWindow,
    ) -> impl Future<Output = Result<Vec<Change>, store::Error>> + Send;

    /// A key of the GUN.
    fn key(
        &self,
        gun: &Gun,
        id: TufKeyId,
    ) -> impl Future<Output = Result<Option<SealedKey>, store::Error>> + Send;

    /// The key for a role that has never signed, if there is one of this type.
    fn pending_key(
        &self,
        gun: &Gun,
        role: &Role,
        algorithm: &str,
    ) -> impl Future<Output = Result<Option<SealedKey>, store::Error>> + Send;

    /// Adds a pending key, unless there is one of its type for the role already; gives the one that is there then.
    fn add_key(
        &self,
        gun: &Gun,
        role: &Role,
        key: SealedKey,
        at: Timestamp,
    ) -> impl Future<Output = Result<SealedKey, store::Error>> + Send;

    /// The proof of the server's secret: the one that is there, or else `proof` from now on.
    fn secret_proof(
        &self,
        proof: String,
    ) -> impl Future<Output = Result<String, store::Error>> + Send;

    /// Whether changes can be stored; for readiness.
    fn check(&self) -> impl Future<Output = Result<(), store::Error>> + Send;
}
