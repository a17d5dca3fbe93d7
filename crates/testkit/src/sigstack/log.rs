//! A Merkle tree in memory and the notes that sign it.

use super::keys::{Key, b64, sha256};

/// RFC 6962, section 2.1, computed anew each time: the logs of tests are small.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) leaves: Vec<[u8; 32]>,
}

pub(super) fn leaf_hash(body: &[u8]) -> [u8; 32] {
    sha256(&[&[0], body].concat())
}

impl Tree {
    pub(super) fn push(&mut self, body: &[u8]) -> usize {
        self.leaves.push(leaf_hash(body));
        self.leaves.len() - 1
    }

    pub(super) fn root(&self) -> [u8; 32] {
        root(&self.leaves)
    }

    /// The proof that the leaf is in the tree, from the bottom up.
    pub(super) fn inclusion(&self, index: usize) -> Vec<[u8; 32]> {
        inclusion(index, &self.leaves)
    }

    /// The proof that the tree of the first `size` leaves became this one.
    pub(super) fn consistency(&self, size: usize) -> Vec<[u8; 32]> {
        if size == 0 || size >= self.leaves.len() {
            return Vec::new();
        }
        consistency(size, &self.leaves, true)
    }
}

fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    sha256(&[&[1][..], &left, &right].concat())
}

/// The largest power of two below `count`, which is at least two.
fn split(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(b""),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(root(left), root(right))
        }
    }
}

fn inclusion(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (inclusion(index, left), root(right))
    } else {
        (inclusion(index - left.len(), right), root(left))
    };
    path.push(sibling);
    path
}

fn consistency(size: usize, leaves: &[[u8; 32]], whole: bool) -> Vec<[u8; 32]> {
    if size == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if size <= left.len() {
        (consistency(size, left, whole), root(right))
    } else {
        (consistency(size - left.len(), right, false), root(left))
    };
    path.push(sibling);
    path
}

/// Who signs a log's checkpoints.
#[derive(Debug)]
pub(super) struct Notary<'a> {
    pub(super) key: &'a Key,
    pub(super) origin: &'a str,
    pub(super) name: &'a str,
    pub(super) hint: [u8; 4],
}

impl Notary<'_> {
    /// C2SP tlog-checkpoint and signed-note.
    pub(super) fn checkpoint(&self, size: usize, root: [u8; 32], wrong: bool) -> String {
        let text = format!("{}\n{size}\n{}\n", self.origin, b64(root));
        let signed = if wrong { "another" } else { &text };
        let signature = [&self.hint[..], &self.key.sign(signed.as_bytes())].concat();
        format!("{text}\n\u{2014} {} {}\n", self.name, b64(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known roots and paths of the reference implementation (certificate-transparency-go, merkletree tests).
    #[test]
    fn roots_and_paths_are_those_of_rfc_6962() {
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let mut tree = Tree::default();
        for input in inputs {
            tree.push(&hex::decode(input).expect("it is hexadecimal"));
        }
        assert_eq!(
            hex::encode(tree.root()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
        assert_eq!(
            tree.inclusion(0).map_hex(),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            tree.consistency(6).map_hex(),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    trait MapHex {
        fn map_hex(self) -> Vec<String>;
    }

    impl MapHex for Vec<[u8; 32]> {
        fn map_hex(self) -> Vec<String> {
            self.into_iter().map(hex::encode).collect()
        }
    }
}
