//! Inclusion and consistency proofs (RFC 6962 2.1.1 and 2.1.2): making them from stored nodes, and checking them.

use pki::digest::Sha256;

use crate::hash::{MAX_TREE_SIZE, NodeId, empty_root, fold, node_hash, subtrees};

/// Most hashes of a proof: two per level of the tallest tree. For readers of proofs, before they allocate.
pub const PROOF_LIMIT: usize = 128;

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not in a tree of that size.
    #[error("leaf {index} is beyond a tree of {size}")]
    IndexBeyondTree {
        /// The leaf's index.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// Another number of hashes than the two numbers demand.
    #[error("proof of {found} hashes, expected {expected}")]
    Length {
        /// Hashes that it must have.
        expected: usize,
        /// Hashes given.
        found: usize,
    },
    /// The root over the new tree comes out differently, or the roots of equal trees differ.
    #[error("root is {computed}, expected {expected}")]
    RootMismatch {
        /// What the proof leads to.
        computed: Sha256,
        /// What was to be proven.
        expected: Sha256,
    },
    /// The root over the old tree comes out differently.
    #[error("old root is {computed}, expected {expected}")]
    OldRootMismatch {
        /// What the proof leads to.
        computed: Sha256,
        /// What was to be proven.
        expected: Sha256,
    },
    /// The old tree is larger than the new one.
    #[error("a tree of {old} cannot have grown into one of {new}")]
    Shrunk {
        /// Leaves of the old tree.
        old: u64,
        /// Leaves of the new tree.
        new: u64,
    },
    /// More leaves than [`MAX_TREE_SIZE`].
    #[error("tree of {size} leaves, at most {MAX_TREE_SIZE}")]
    TooLarge {
        /// Its size.
        size: u64,
    },
}

/// A tree: how many leaves, and the root over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// Leaves.
    pub size: u64,
    /// The root hash.
    pub root: Sha256,
}

/// Proof that a leaf is in a tree; made by [`verify_inclusion`] only.
///
/// It says nothing about who vouches for the tree: see [`crate::checkpoint::VerifiedCheckpoint::verify_inclusion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct Included {
    index: u64,
    leaf: Sha256,
    tree: TreeHead,
}

impl Included {
    /// The leaf's index, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The leaf's hash.
    #[must_use]
    pub fn leaf(&self) -> &Sha256 {
        &self.leaf
    }

    /// The tree it is in.
    #[must_use]
    pub fn tree(&self) -> &TreeHead {
        &self.tree
    }
}

/// Proof that one tree is a prefix of another; made by [`verify_consistency`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct Consistent {
    old: TreeHead,
    new: TreeHead,
}

impl Consistent {
    /// The prefix.
    #[must_use]
    pub fn old(&self) -> &TreeHead {
        &self.old
    }

    /// The longer tree.
    #[must_use]
    pub fn new_head(&self) -> &TreeHead {
        &self.new
    }
}

/// Checks that the leaf with hash `leaf` is number `index` of `tree`.
///
/// # Errors
/// [`ProofError::IndexBeyondTree`], [`ProofError::TooLarge`], [`ProofError::Length`] or [`ProofError::RootMismatch`].
pub fn verify_inclusion(
    index: u64,
    leaf: Sha256,
    tree: TreeHead,
    proof: &[Sha256],
) -> Result<Included, ProofError> {
    check_index(index, tree.size)?;
    let (inner, border) = path_lengths(index, tree.size);
    check_length(inner + border, proof)?;
    let (below, above) = proof.split_at(inner);
    let computed = along_border(along_path(leaf, below, index), above);
    if computed != tree.root {
        return Err(ProofError::RootMismatch {
            computed,
            expected: tree.root,
        });
    }
    Ok(Included { index, leaf, tree })
}

/// Checks that `new` has grown out of `old`. Equal sizes and an empty old tree need an empty proof.
///
/// # Errors
/// [`ProofError::Shrunk`], [`ProofError::TooLarge`], [`ProofError::Length`], [`ProofError::OldRootMismatch`] or
/// [`ProofError::RootMismatch`].
pub fn verify_consistency(
    old: TreeHead,
    new: TreeHead,
    proof: &[Sha256],
) -> Result<Consistent, ProofError> {
    check_sizes(old.size, new.size)?;
    let (old_root, new_root) = if old.size == 0 {
        check_length(0, proof)?;
        let new_root = if new.size == 0 {
            empty_root()
        } else {
            new.root
        };
        (empty_root(), new_root)
    } else if old.size == new.size {
        check_length(0, proof)?;
        (old.root, old.root)
    } else {
        grown_roots(old, new.size, proof)?
    };
    if old_root != old.root {
        return Err(ProofError::OldRootMismatch {
            computed: old_root,
            expected: old.root,
        });
    }
    if new_root != new.root {
        return Err(ProofError::RootMismatch {
            computed: new_root,
            expected: new.root,
        });
    }
    Ok(Consistent { old, new })
}

/// The roots that a consistency proof leads to, for `0 < old.size < new_size`.
fn grown_roots(
    old: TreeHead,
    new_size: u64,
    proof: &[Sha256],
) -> Result<(Sha256, Sha256), ProofError> {
    let (inner, border) = path_lengths(old.size - 1, new_size);
    let shift = old.size.trailing_zeros();
    let inner = inner - bits(shift);
    // A full old tree is itself the first node, and is left out of the proof.
    let (seed, rest, expected) = match (old.size.is_power_of_two(), proof.split_first()) {
        (true, _) => (old.root, proof, inner + border),
        (false, Some((first, rest))) => (*first, rest, 1 + inner + border),
        (false, None) => {
            return Err(ProofError::Length {
                expected: 1 + inner + border,
                found: 0,
            });
        }
    };
    check_length(expected, proof)?;
    let (below, above) = rest.split_at(inner);
    let path = (old.size - 1) >> shift;
    let old_root = along_border(along_left_turns(seed, below, path), above);
    let new_root = along_border(along_path(seed, below, path), above);
    Ok((old_root, new_root))
}

/// How many hashes of an inclusion path lie below the right border of the tree, and how many on it.
fn path_lengths(index: u64, size: u64) -> (usize, usize) {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    (bits(inner), bits(border))
}

fn bits(count: u32) -> usize {
    usize::try_from(count).expect("a number of bits fits any machine word")
}

fn along_path(start: Sha256, proof: &[Sha256], path: u64) -> Sha256 {
    proof
        .iter()
        .enumerate()
        .fold(start, |hash, (level, sibling)| {
            if (path >> level) & 1 == 0 {
                node_hash(&hash, sibling)
            } else {
                node_hash(sibling, &hash)
            }
        })
}

fn along_left_turns(start: Sha256, proof: &[Sha256], path: u64) -> Sha256 {
    proof
        .iter()
        .enumerate()
        .fold(start, |hash, (level, sibling)| {
            if (path >> level) & 1 == 0 {
                hash
            } else {
                node_hash(sibling, &hash)
            }
        })
}

fn along_border(start: Sha256, proof: &[Sha256]) -> Sha256 {
    proof
        .iter()
        .fold(start, |hash, sibling| node_hash(sibling, &hash))
}

fn check_length(expected: usize, proof: &[Sha256]) -> Result<(), ProofError> {
    if proof.len() == expected {
        Ok(())
    } else {
        Err(ProofError::Length {
            expected,
            found: proof.len(),
        })
    }
}

fn check_size(size: u64) -> Result<(), ProofError> {
    if size > MAX_TREE_SIZE {
        return Err(ProofError::TooLarge { size });
    }
    Ok(())
}

fn check_index(index: u64, size: u64) -> Result<(), ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::IndexBeyondTree { index, size });
    }
    Ok(())
}

fn check_sizes(old: u64, new: u64) -> Result<(), ProofError> {
    check_size(new)?;
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    Ok(())
}

/// Which stored nodes make up the hashes of a proof, or a root. Planning is separate from reading, so that a server
/// can fetch what it lacks, in any way and all at once, before it resolves the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPlan {
    /// For every hash: the full subtrees, tallest first, that it is folded from.
    hashes: Vec<Vec<NodeId>>,
}

impl ProofPlan {
    /// Plans the proof that leaf `index` is in the tree of the first `size` leaves.
    ///
    /// # Errors
    /// [`ProofError::IndexBeyondTree`] or [`ProofError::TooLarge`].
    pub fn inclusion(index: u64, size: u64) -> Result<Self, ProofError> {
        check_index(index, size)?;
        let mut hashes = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = split(start, end);
            if index < middle {
                hashes.push(subtrees(middle, end));
                end = middle;
            } else {
                hashes.push(subtrees(start, middle));
                start = middle;
            }
        }
        hashes.reverse();
        Ok(Self { hashes })
    }

    /// Plans the proof that the first `old` leaves are a prefix of the first `new`.
    ///
    /// # Errors
    /// [`ProofError::Shrunk`] or [`ProofError::TooLarge`].
    pub fn consistency(old: u64, new: u64) -> Result<Self, ProofError> {
        check_sizes(old, new)?;
        let mut hashes = Vec::new();
        let (mut start, mut end) = (0, new);
        while old != 0 && old != end {
            let middle = split(start, end);
            if old <= middle {
                hashes.push(subtrees(middle, end));
                end = middle;
            } else {
                hashes.push(subtrees(start, middle));
                start = middle;
            }
        }
        if start != 0 {
            hashes.push(subtrees(start, end));
        }
        hashes.reverse();
        Ok(Self { hashes })
    }

    /// Plans the root over the first `size` leaves, which resolves to one hash.
    ///
    /// # Errors
    /// [`ProofError::TooLarge`]; [`ProofError::IndexBeyondTree`] for the empty tree, see [`empty_root`].
    pub fn root(size: u64) -> Result<Self, ProofError> {
        check_index(0, size)?;
        Ok(Self {
            hashes: vec![subtrees(0, size)],
        })
    }

    /// The stored nodes that [`Self::resolve`] will read, in its order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.hashes.iter().flatten().copied()
    }

    /// Reads the nodes and makes the hashes, in the order of RFC 6962.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn resolve<E>(
        &self,
        mut read: impl FnMut(NodeId) -> Result<Sha256, E>,
    ) -> Result<Vec<Sha256>, E> {
        self.hashes
            .iter()
            .map(|nodes| {
                let parts = nodes
                    .iter()
                    .map(|node| read(*node))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(fold(&parts).expect("a plan has no empty ranges"))
            })
            .collect()
    }
}

/// Where RFC 6962 splits the leaves `start .. end`: after the largest power of two smaller than their number.
fn split(start: u64, end: u64) -> u64 {
    start + (1 << (end - start - 1).ilog2())
}
