//! What is read from a mirror or a cache, at most.

/// Bytes of `root.json`.
pub const ROOT_BYTES: u64 = 512 << 10;
/// Bytes of `timestamp.json`.
pub const TIMESTAMP_BYTES: u64 = 16 << 10;
/// Bytes of `snapshot.json`.
pub const SNAPSHOT_BYTES: u64 = 2 << 20;
/// Bytes of `targets.json`, and of each delegated role.
pub const TARGETS_BYTES: u64 = 5 << 20;
/// Bytes of a target.
pub const TARGET_BYTES: u64 = 16 << 20;
/// Bytes of the small files beside the repositories of a cache.
pub const NOTE_BYTES: u64 = 64 << 10;
/// New roots in one update.
pub const ROOT_ROTATIONS: u64 = 64;
/// Roles that are looked through for a target.
pub const ROLES: usize = 32;
/// Targets of the forms before `trusted_root.json`.
pub const LEGACY_TARGETS: usize = 64;
