//! Merkle proofs: numbers and hashes that anybody may send, against plans for the same numbers.
#![no_main]

use pki::digest::Sha256;
use tlog::proof::{PROOF_LIMIT, ProofPlan, TreeHead, verify_consistency, verify_inclusion};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((numbers, hashes)) = data.split_first_chunk::<16>() else {
        return;
    };
    let number = |at: usize| u64::from_be_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
    let (first, size) = (number(0), number(8));
    let proof: Vec<Sha256> = hashes.chunks_exact(32).filter_map(|hash| Sha256::try_from(hash).ok()).collect();
    let root = Sha256::of(hashes);
    let tree = TreeHead { size, root };
    let _ = verify_inclusion(first, root, tree, &proof);
    let _ = verify_consistency(TreeHead { size: first, root }, tree, &proof);
    for plan in [ProofPlan::inclusion(first, size), ProofPlan::consistency(first, size)].into_iter().flatten() {
        assert!(plan.resolve(|_| Ok::<_, ()>(root)).is_ok_and(|hashes| hashes.len() <= PROOF_LIMIT));
    }
});
