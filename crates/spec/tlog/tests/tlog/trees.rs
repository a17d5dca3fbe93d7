//! Roots, proofs and compact ranges: known answers, the naive implementation, and every refusal.

use std::collections::BTreeMap;

use pki::digest::Sha256;
use proptest::prelude::*;
use tlog::compact::{CompactRange, CompactRangeError};
use tlog::hash::{MAX_TREE_SIZE, NodeId, empty_root, leaf_hash, node_hash};
use tlog::proof::{ProofError, ProofPlan, TreeHead, verify_consistency, verify_inclusion};

use crate::{hash, naive};

/// The leaves and roots of `google/certificate-transparency:cpp/merkletree/merkle_tree_test.cc`.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn known_leaves() -> Vec<Vec<u8>> {
    LEAVES
        .iter()
        .map(|leaf| hex::decode(leaf).unwrap())
        .collect()
}

/// A tree of the crate: its edge, and every full node by id.
struct Tree {
    range: CompactRange,
    nodes: BTreeMap<NodeId, Sha256>,
}

impl Tree {
    fn of(leaves: &[Vec<u8>]) -> Self {
        let mut tree = Self {
            range: CompactRange::empty(),
            nodes: BTreeMap::new(),
        };
        for leaf in leaves {
            let nodes = &mut tree.nodes;
            tree.range
                .append(leaf_hash(leaf), |id, hash| {
                    assert!(nodes.insert(id, hash).is_none(), "stored twice: {id:?}");
                })
                .unwrap();
        }
        tree
    }

    fn resolve(&self, plan: &ProofPlan) -> Vec<Sha256> {
        plan.resolve(|id| self.nodes.get(&id).copied().ok_or(id))
            .unwrap()
    }
}

fn head(leaves: &[Vec<u8>]) -> TreeHead {
    TreeHead {
        size: u64::try_from(leaves.len()).unwrap(),
        root: naive::mth(leaves),
    }
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| i.to_string().into_bytes()).collect()
}

#[test]
fn known_roots() {
    let leaves = known_leaves();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(naive::mth(&leaves[..size]), hash(root));
        assert_eq!(Tree::of(&leaves[..size]).range.head().root, hash(root));
    }
    assert_eq!(empty_root(), hash(ROOTS[0]));
    assert_eq!(leaf_hash(b""), hash(ROOTS[1]));
    assert_eq!(node_hash(&leaf_hash(b""), &leaf_hash(&[0])), hash(ROOTS[2]));
}

#[test]
fn every_proof_of_small_trees_is_the_naive_one_and_verifies() {
    let leaves = numbered(70);
    let tree = Tree::of(&leaves);
    for new in 0..=leaves.len() {
        let part = &leaves[..new];
        let size = u64::try_from(new).unwrap();
        if new > 0 {
            let root = tree.resolve(&ProofPlan::root(size).unwrap());
            assert_eq!(root, [naive::mth(part)]);
        }
        for (index, leaf) in part.iter().enumerate() {
            let number = u64::try_from(index).unwrap();
            let proof = tree.resolve(&ProofPlan::inclusion(number, size).unwrap());
            assert_eq!(proof, naive::path(index, part), "{index} in {new}");
            let proven = verify_inclusion(number, leaf_hash(leaf), head(part), &proof).unwrap();
            assert_eq!(
                (proven.index(), proven.leaf(), proven.tree()),
                (number, &leaf_hash(leaf), &head(part))
            );
        }
        for old in 0..=new {
            let plan = ProofPlan::consistency(u64::try_from(old).unwrap(), size).unwrap();
            let proof = tree.resolve(&plan);
            if old > 0 {
                assert_eq!(proof, naive::proof(old, part), "{old} to {new}");
            } else {
                assert_eq!(proof, []);
            }
            let proven = verify_consistency(head(&leaves[..old]), head(part), &proof).unwrap();
            assert_eq!(
                (proven.old(), proven.new_head()),
                (&head(&leaves[..old]), &head(part))
            );
        }
    }
}

#[test]
fn a_proof_with_anything_changed_is_refused() {
    let leaves = numbered(13);
    let tree = Tree::of(&leaves);
    let head_13 = head(&leaves);
    for index in 0..13 {
        let leaf = leaf_hash(&leaves[usize::try_from(index).unwrap()]);
        let proof = tree.resolve(&ProofPlan::inclusion(index, 13).unwrap());
        for at in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[at] = leaf_hash(b"other");
            assert!(matches!(
                verify_inclusion(index, leaf, head_13, &wrong),
                Err(ProofError::RootMismatch { expected, .. }) if expected == head_13.root
            ));
        }
        assert!(matches!(
            verify_inclusion(index, leaf_hash(b"other"), head_13, &proof),
            Err(ProofError::RootMismatch { .. })
        ));
        for other in (0..13).filter(|other| *other != index) {
            assert!(matches!(
                verify_inclusion(other, leaf, head_13, &proof),
                Err(ProofError::Length { .. } | ProofError::RootMismatch { .. })
            ));
        }
        for wrong in [&proof[1..], &[proof.as_slice(), &[leaf]].concat()] {
            assert_eq!(
                verify_inclusion(index, leaf, head_13, wrong),
                Err(ProofError::Length {
                    expected: proof.len(),
                    found: wrong.len()
                })
            );
        }
    }
    for old in 1..13 {
        let old_head = head(&leaves[..usize::try_from(old).unwrap()]);
        let proof = tree.resolve(&ProofPlan::consistency(old, 13).unwrap());
        for at in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[at] = leaf_hash(b"other");
            assert!(matches!(
                verify_consistency(old_head, head_13, &wrong),
                Err(ProofError::OldRootMismatch { .. } | ProofError::RootMismatch { .. })
            ));
        }
        let forked = TreeHead {
            size: old,
            root: leaf_hash(b"fork"),
        };
        assert!(matches!(
            verify_consistency(forked, head_13, &proof),
            Err(ProofError::OldRootMismatch { .. } | ProofError::RootMismatch { .. })
        ));
        let forked = TreeHead {
            size: 13,
            root: leaf_hash(b"fork"),
        };
        assert!(matches!(
            verify_consistency(old_head, forked, &proof),
            Err(ProofError::RootMismatch { expected, .. }) if expected == forked.root
        ));
        for wrong in [
            &proof[1..],
            &[proof.as_slice(), &[forked.root]].concat(),
            &[],
        ] {
            assert_eq!(
                verify_consistency(old_head, head_13, wrong),
                Err(ProofError::Length {
                    expected: proof.len(),
                    found: wrong.len()
                })
            );
        }
    }
}

#[test]
fn the_edges_of_consistency() {
    let leaves = numbered(5);
    let (none, all) = (head(&[]), head(&leaves));
    let other = TreeHead {
        root: leaf_hash(b"fork"),
        ..all
    };
    let _proof = verify_consistency(none, none, &[]).unwrap();
    let _proof = verify_consistency(all, all, &[]).unwrap();
    assert_eq!(
        verify_consistency(all, other, &[]),
        Err(ProofError::RootMismatch {
            computed: all.root,
            expected: other.root
        })
    );
    let claimed = TreeHead { size: 0, ..all };
    assert_eq!(
        verify_consistency(claimed, all, &[]),
        Err(ProofError::OldRootMismatch {
            computed: empty_root(),
            expected: all.root
        })
    );
    assert_eq!(
        verify_consistency(none, claimed, &[]),
        Err(ProofError::RootMismatch {
            computed: empty_root(),
            expected: all.root
        })
    );
    for (old, new) in [(none, all), (all, all)] {
        assert_eq!(
            verify_consistency(old, new, &[all.root]),
            Err(ProofError::Length {
                expected: 0,
                found: 1
            })
        );
    }
    assert_eq!(
        verify_consistency(all, none, &[]),
        Err(ProofError::Shrunk { old: 5, new: 0 })
    );
    assert_eq!(
        ProofPlan::consistency(5, 4),
        Err(ProofError::Shrunk { old: 5, new: 4 })
    );
}

#[test]
fn sizes_have_a_limit() {
    let root = empty_root();
    let size = MAX_TREE_SIZE + 1;
    let too_large = ProofError::TooLarge { size };
    let huge = TreeHead { size, root };
    assert_eq!(verify_inclusion(0, root, huge, &[]), Err(too_large.clone()));
    assert_eq!(verify_consistency(huge, huge, &[]), Err(too_large.clone()));
    assert_eq!(ProofPlan::inclusion(0, size), Err(too_large.clone()));
    assert_eq!(ProofPlan::consistency(1, size), Err(too_large.clone()));
    assert_eq!(ProofPlan::root(size), Err(too_large));
    let beyond = ProofError::IndexBeyondTree { index: 7, size: 7 };
    let seven = TreeHead { size: 7, root };
    assert_eq!(verify_inclusion(7, root, seven, &[]), Err(beyond.clone()));
    assert_eq!(ProofPlan::inclusion(7, 7), Err(beyond));
    assert_eq!(
        ProofPlan::root(0),
        Err(ProofError::IndexBeyondTree { index: 0, size: 0 })
    );
    // The largest tree still has its proofs, of one hash per level.
    assert_eq!(
        ProofPlan::inclusion(0, MAX_TREE_SIZE)
            .unwrap()
            .resolve(|_| Ok::<_, ()>(root))
            .unwrap()
            .len(),
        63
    );
}

#[test]
fn compact_ranges_are_taken_up_again() {
    let leaves = numbered(100);
    for size in 0..leaves.len() {
        let before = Tree::of(&leaves[..size]).range;
        let mut again = CompactRange::from_parts(before.size(), before.hashes().to_vec()).unwrap();
        assert_eq!(again, before);
        again.append(leaf_hash(&leaves[size]), |_, _| {}).unwrap();
        assert_eq!(again.head(), head(&leaves[..=size]));
    }
    assert_eq!(
        CompactRange::from_parts(5, vec![empty_root()]),
        Err(CompactRangeError::Hashes {
            size: 5,
            expected: 2,
            found: 1
        })
    );
    let size = MAX_TREE_SIZE + 1;
    assert_eq!(
        CompactRange::from_parts(size, vec![empty_root()]),
        Err(CompactRangeError::TooLarge { size })
    );
    let mut full = CompactRange::from_parts(MAX_TREE_SIZE, vec![empty_root(); 63]).unwrap();
    assert_eq!(
        full.append(empty_root(), |_, _| {}),
        Err(CompactRangeError::Full)
    );
}

#[test]
fn a_plan_says_what_it_reads_and_stops_at_the_first_failure() {
    let plan = ProofPlan::inclusion(2, 7).unwrap();
    let node = |level, index| NodeId { level, index };
    let nodes: Vec<NodeId> = plan.nodes().collect();
    assert_eq!(nodes, [node(0, 3), node(1, 0), node(1, 2), node(0, 6)]);
    assert_eq!(plan.resolve(Err::<Sha256, _>), Err(node(0, 3)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn larger_trees_agree_with_the_naive_one(size in 1usize..1500, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let leaves = numbered(size);
        let tree = Tree::of(&leaves);
        let (index, old) = (a.index(size), b.index(size) + 1);
        let whole = head(&leaves);
        prop_assert_eq!(tree.range.head(), whole);
        let inclusion = tree.resolve(&ProofPlan::inclusion(u64::try_from(index).unwrap(), whole.size).unwrap());
        prop_assert_eq!(&inclusion, &naive::path(index, &leaves));
        let consistency = tree.resolve(&ProofPlan::consistency(u64::try_from(old).unwrap(), whole.size).unwrap());
        prop_assert_eq!(&consistency, &naive::proof(old, &leaves));
        prop_assert!(verify_consistency(head(&leaves[..old]), whole, &consistency).is_ok());
    }

    #[test]
    fn no_numbers_and_hashes_panic(index in any::<u64>(), size in any::<u64>(), old in any::<u64>(), count in 0usize..130) {
        let root = empty_root();
        let proof = vec![root; count];
        let tree = TreeHead { size, root };
        drop(verify_inclusion(index, root, tree, &proof));
        drop(verify_consistency(TreeHead { size: old, root }, tree, &proof));
        drop(ProofPlan::inclusion(index, size));
        drop(ProofPlan::consistency(old, size));
    }
}
