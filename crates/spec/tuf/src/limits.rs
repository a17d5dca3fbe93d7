//! Every bound this crate puts on what others send, each with its source.

/// Most bytes of `timestamp.json`, 1 MiB (`notary:const.go:MaxTimestampSize`).
pub const MAX_TIMESTAMP_BYTES: u64 = 1 << 20;

/// Most bytes of a metadata file whose length no parent states, 100 MiB (`notary:const.go:MaxDownloadSize`).
pub const MAX_METADATA_BYTES: u64 = 100 << 20;

/// Most bytes of a root, 16 MiB. Notary has no such bound; a certificate takes some 1 KiB and old ones stay for ever,
/// so that this is room for more rotations than [`MAX_ROOT_ROTATIONS`].
pub const MAX_ROOT_BYTES: u64 = 16 << 20;

/// Most bytes of a public key that a trust server answers with, 256 KiB.
pub const MAX_SERVER_KEY_BYTES: u64 = 256 << 10;

/// Deepest nesting of JSON arrays and objects. Notary's own files need 7; the rest is room for `custom`.
pub const MAX_JSON_DEPTH: usize = 64;

/// Most signatures in one file. Real files carry one per key of a role, and roots those of former keys too.
pub const MAX_SIGNATURES: usize = 256;

/// Longest delegation role name in bytes (`notary:tuf/data/roles.go:IsDelegation`, below 256).
pub const MAX_ROLE_NAME_BYTES: usize = 255;

/// Longest GUN in bytes: the width of the column in every Notary database.
pub const MAX_GUN_BYTES: usize = 255;

/// Most root versions followed in one update (TUF 1.0, 5.3.3 asks for such a bound; figure of other TUF clients).
pub const MAX_ROOT_ROTATIONS: u64 = 1024;

/// Most delegated roles loaded in one update. Each costs a request; known repositories have fewer than 50.
pub const MAX_DELEGATIONS: usize = 4096;

/// Deepest delegated role, counted in segments below `targets`.
pub const MAX_DELEGATION_DEPTH: usize = 32;

/// Largest integer that survives Go's float64 (2^53); larger ones would be verified as another value.
pub const MAX_INTEGER: i64 = 1 << 53;
