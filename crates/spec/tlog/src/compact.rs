//! The right edge of a growing tree: all that appending needs.

use pki::digest::Sha256;

use crate::hash::{MAX_TREE_SIZE, NodeId, empty_root, fold, node_hash};
use crate::proof::TreeHead;

/// The roots of the full subtrees that the leaves so far make up, tallest first: one per set bit of the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    hashes: Vec<Sha256>,
}

/// Why there is no such range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactRangeError {
    /// No leaf can follow: [`MAX_TREE_SIZE`] is reached.
    #[error("the tree is full at {MAX_TREE_SIZE} leaves")]
    Full,
    /// Another number of hashes than the size demands.
    #[error("compact range of {found} hashes for {size} leaves, expected {expected}")]
    Hashes {
        /// Leaves.
        size: u64,
        /// Hashes that it must have.
        expected: usize,
        /// Hashes given.
        found: usize,
    },
    /// More leaves than [`MAX_TREE_SIZE`].
    #[error("tree of {size} leaves, at most {MAX_TREE_SIZE}")]
    TooLarge {
        /// Its size.
        size: u64,
    },
}

impl CompactRange {
    /// The range of no leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            size: 0,
            hashes: Vec::new(),
        }
    }

    /// Takes a stored range up again. Whether the hashes are those of the leaves shows in the root only.
    ///
    /// # Errors
    /// [`CompactRangeError::Hashes`] or [`CompactRangeError::TooLarge`].
    pub fn from_parts(size: u64, hashes: Vec<Sha256>) -> Result<Self, CompactRangeError> {
        if size > MAX_TREE_SIZE {
            return Err(CompactRangeError::TooLarge { size });
        }
        let expected = usize::try_from(size.count_ones()).expect("at most 64");
        if hashes.len() != expected {
            return Err(CompactRangeError::Hashes {
                size,
                expected,
                found: hashes.len(),
            });
        }
        Ok(Self { size, hashes })
    }

    /// Appends a leaf and hands every node that is full by it to `store`: the leaf first, then upwards.
    ///
    /// # Errors
    /// [`CompactRangeError::Full`].
    pub fn append(
        &mut self,
        leaf: Sha256,
        mut store: impl FnMut(NodeId, Sha256),
    ) -> Result<(), CompactRangeError> {
        if self.size >= MAX_TREE_SIZE {
            return Err(CompactRangeError::Full);
        }
        let (mut hash, mut level) = (leaf, 0);
        store(
            NodeId {
                level,
                index: self.size,
            },
            hash,
        );
        // Every trailing one of the old size is a full subtree that the new leaf completes to one twice as large.
        while (self.size >> level) & 1 == 1 {
            let left = self.hashes.pop().expect("one hash per set bit of the size");
            hash = node_hash(&left, &hash);
            level += 1;
            let index = self.size >> level;
            store(NodeId { level, index }, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
        Ok(())
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes, tallest subtree first, as [`Self::from_parts`] takes them.
    #[must_use]
    pub fn hashes(&self) -> &[Sha256] {
        &self.hashes
    }

    /// The tree of the leaves so far.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: fold(&self.hashes).unwrap_or_else(empty_root),
        }
    }
}
