//! RFC 6962 2.1 word for word, over all leaves in memory: nothing shared with the crate but SHA-256.

use pki::digest::Sha256;

fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

pub(crate) fn mth(leaves: &[Vec<u8>]) -> Sha256 {
    match leaves {
        [] => Sha256::of(b""),
        [leaf] => Sha256::of(&[&[0], leaf.as_slice()].concat()),
        _ => {
            let (left, right) = leaves.split_at(k(leaves.len()));
            let (left, right) = (mth(left), mth(right));
            let parts = [&[1], left.as_bytes().as_slice(), right.as_bytes()];
            Sha256::of(&parts.concat())
        }
    }
}

pub(crate) fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<Sha256> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(k(leaves.len()));
    if m < left.len() {
        let mut proof = path(m, left);
        proof.push(mth(right));
        proof
    } else {
        let mut proof = path(m - left.len(), right);
        proof.push(mth(left));
        proof
    }
}

pub(crate) fn proof(m: usize, leaves: &[Vec<u8>]) -> Vec<Sha256> {
    subproof(m, leaves, true)
}

fn subproof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Sha256> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let (left, right) = leaves.split_at(k(leaves.len()));
    if m <= left.len() {
        let mut proof = subproof(m, left, whole);
        proof.push(mth(right));
        proof
    } else {
        let mut proof = subproof(m - left.len(), right, false);
        proof.push(mth(left));
        proof
    }
}
