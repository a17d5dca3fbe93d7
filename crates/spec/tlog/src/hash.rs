//! Merkle tree hashing (RFC 6962 2.1): SHA-256 with one byte in front that tells leaves from nodes.

use pki::digest::{Sha256, Sha256Hasher};

/// Most leaves of a tree: sizes and indexes travel as signed 64-bit integers (protobuf, JSON of Go).
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// The hash of a leaf whose contents are `data`: `SHA-256(00 ‖ data)`.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Sha256 {
    let mut hasher = Sha256Hasher::new();
    hasher.update(&[LEAF]);
    hasher.update(data);
    hasher.finish()
}

/// The hash of an inner node: `SHA-256(01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Sha256, right: &Sha256) -> Sha256 {
    let mut hasher = Sha256Hasher::new();
    hasher.update(&[NODE]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Sha256 {
    Sha256::of(&[])
}

/// A node whose subtree is full: it covers the `2^level` leaves from `index · 2^level` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves, 0 to 63.
    pub level: u8,
    /// Position among the nodes of its level, from the left.
    pub index: u64,
}

/// Folds roots of neighbouring full subtrees, tallest first, into the root over all of them.
pub(crate) fn fold(subtrees: &[Sha256]) -> Option<Sha256> {
    subtrees
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
}

/// The full subtrees, tallest first, that make up the leaves `start .. end`.
///
/// `start` must be a multiple of the smallest power of two not below `end - start`, as it is in every split of RFC 6962.
pub(crate) fn subtrees(start: u64, end: u64) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        nodes.push(NodeId {
            level: u8::try_from(level).expect("a logarithm of 64 bits is below 64"),
            index: at >> level,
        });
        at += 1 << level;
    }
    nodes
}
