//! Tiles: coordinates, paths, contents, bundles; a tree served from tiles gives the same proofs.

use std::collections::BTreeMap;

use pki::digest::Sha256;
use proptest::prelude::*;
use tlog::compact::CompactRange;
use tlog::hash::{MAX_TREE_SIZE, NodeId, leaf_hash};
use tlog::proof::ProofPlan;
use tlog::tile::{
    ENTRY_LIMIT, HashTile, TileError, TileId, TileKind, parse_bundle, tiles_between, write_bundle,
};

use crate::naive;

const LEVEL_0: TileKind = TileKind::Hashes { level: 0 };

#[test]
fn paths_have_one_spelling() {
    for (path, kind, index, width) in [
        ("tile/0/000", LEVEL_0, 0, 256),
        ("tile/0/x001/x234/067", LEVEL_0, 1_234_067, 256),
        ("tile/2/001.p/17", TileKind::Hashes { level: 2 }, 1, 17),
        ("tile/7/000.p/1", TileKind::Hashes { level: 7 }, 0, 1),
        ("tile/entries/x001/000.p/255", TileKind::Entries, 1000, 255),
        ("tile/data/999", TileKind::Data, 999, 256),
    ] {
        let tile = TileId::new(kind, index, width).unwrap();
        assert_eq!(tile.to_string(), path);
        assert_eq!(TileId::parse_path(path), Ok(tile));
        assert_eq!(
            (tile.kind(), tile.index(), tile.width(), tile.is_partial()),
            (kind, index, width, width < 256)
        );
        assert_eq!(tile.full(), TileId::new(kind, index, 256).unwrap());
    }
    for path in [
        "",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/+0/000",
        "tile/0/+00",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/xx01/000",
        "tile/0/x001/x000",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/+1",
        "tile/0/000/",
        "tile/0/000.p/1/",
        "tile/-1/000",
        "tile/256/000",
        "tile/x/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/é00",
        "tile/0/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/001",
    ] {
        assert_eq!(TileId::parse_path(path), Err(TileError::Path), "{path}");
    }
    assert_eq!(
        TileId::parse_path("tile/0/000.p/0"),
        Err(TileError::Items { found: 0 })
    );
    assert_eq!(
        TileId::parse_path("tile/8/000"),
        Err(TileError::OutOfRange { level: 8, index: 0 })
    );
    assert_eq!(
        TileId::parse_path("tile/7/128"),
        Err(TileError::OutOfRange {
            level: 7,
            index: 128
        })
    );
    assert_eq!(
        TileId::new(LEVEL_0, 0, 257),
        Err(TileError::Items { found: 257 })
    );
    let last = MAX_TREE_SIZE >> 8;
    assert!(TileId::new(LEVEL_0, last, 255).is_ok());
    assert_eq!(
        TileId::new(LEVEL_0, last + 1, 1),
        Err(TileError::OutOfRange {
            level: 0,
            index: last + 1
        })
    );
}

/// The example of C2SP tlog-tiles: 70,000 leaves, and 256.
#[test]
fn the_tiles_of_a_tree() {
    let of = |level, size| {
        tiles_between(TileKind::Hashes { level }, 0, size)
            .map(|tile| tile.width())
            .collect::<Vec<_>>()
    };
    let mut level_0 = vec![256; 273];
    level_0.push(112);
    assert_eq!(of(0, 70_000), level_0);
    assert_eq!(of(1, 70_000), [256, 17]);
    assert_eq!(of(2, 70_000), [1]);
    assert_eq!(of(3, 70_000), [0_u16; 0]);
    assert_eq!((of(0, 256), of(1, 256)), (vec![256], vec![1]));
    assert_eq!(of(0, 0), [0_u16; 0]);
    let grown: Vec<String> = tiles_between(TileKind::Entries, 300, 600)
        .map(|tile| tile.to_string())
        .collect();
    assert_eq!(grown, ["tile/entries/001", "tile/entries/002.p/88"]);
    assert_eq!(tiles_between(TileKind::Entries, 600, 600).count(), 0);
    assert_eq!(tiles_between(TileKind::Entries, 600, 300).count(), 0);
    assert_eq!(TileId::in_tree(LEVEL_0, 2, 512), None);
    assert_eq!(TileId::in_tree(TileKind::Hashes { level: 9 }, 0, 512), None);
    let node = |level, index| NodeId { level, index };
    assert_eq!(TileId::holding(node(9, 1), 512), None);
    assert_eq!(TileId::holding(node(64, 0), u64::MAX), None);
    assert_eq!(TileId::holding(node(0, u64::MAX), u64::MAX), None);
    assert_eq!(
        TileId::holding(node(8, 1), 700).unwrap().to_string(),
        "tile/1/000.p/2"
    );
    assert_eq!(
        TileId::holding(node(7, 4), 700).unwrap().to_string(),
        "tile/0/002.p/188"
    );
}

#[test]
fn a_log_of_tiles_gives_the_proofs_of_its_tree() {
    let leaves: Vec<Vec<u8>> = (0..70_000_u32).map(|i| i.to_be_bytes().to_vec()).collect();
    let mut range = CompactRange::empty();
    let mut nodes = BTreeMap::new();
    for leaf in &leaves {
        range
            .append(leaf_hash(leaf), |id, hash| {
                nodes.insert(id, hash);
            })
            .unwrap();
    }
    let size = range.size();
    let mut tiles = BTreeMap::new();
    for level in 0..3_u8 {
        for id in tiles_between(TileKind::Hashes { level }, 0, size) {
            let bytes: Vec<u8> = (0..u64::from(id.width()))
                .flat_map(|i| {
                    *nodes[&NodeId {
                        level: level * 8,
                        index: id.index() * 256 + i,
                    }]
                        .as_bytes()
                })
                .collect();
            tiles.insert(id, HashTile::from_bytes(id, &bytes).unwrap());
        }
    }
    let read = |node: NodeId| -> Result<Sha256, NodeId> {
        TileId::holding(node, size)
            .and_then(|id| tiles.get(&id))
            .and_then(|tile| tile.node(node))
            .ok_or(node)
    };
    for (node, hash) in &nodes {
        assert_eq!(read(*node), Ok(*hash), "{node:?}");
    }
    assert_eq!(
        ProofPlan::root(size).unwrap().resolve(read),
        Ok(vec![range.head().root])
    );
    for index in [0, 255, 256, 65_535, 65_536, 69_887, 69_999] {
        let proof = ProofPlan::inclusion(index, size)
            .unwrap()
            .resolve(read)
            .unwrap();
        let number = usize::try_from(index).unwrap();
        assert_eq!(proof, naive::path(number, &leaves));
    }
    // A node that the tile does not cover, below, beside or above it.
    let tile = &tiles[&TileId::parse_path("tile/1/001.p/17").unwrap()];
    assert_eq!(tile.id().to_string(), "tile/1/001.p/17");
    for (level, index) in [(0, 0), (8, 255), (8, 273), (16, 0), (8, u64::MAX), (12, 17)] {
        assert_eq!(tile.node(NodeId { level, index }), None, "{level} {index}");
    }
    assert!(
        tile.node(NodeId {
            level: 12,
            index: 16
        })
        .is_some()
    );
}

#[test]
fn contents_of_the_wrong_size_are_refused() {
    let id = TileId::parse_path("tile/0/000.p/2").unwrap();
    for found in [0, 63, 65] {
        assert_eq!(
            HashTile::from_bytes(id, &vec![0; found]),
            Err(TileError::Length {
                expected: 64,
                found
            })
        );
    }
    let entries = TileId::parse_path("tile/entries/000.p/2").unwrap();
    assert_eq!(
        HashTile::from_bytes(entries, &[0; 64]),
        Err(TileError::Kind {
            kind: TileKind::Entries
        })
    );
}

#[test]
fn bundles_are_exact() {
    let bundle = write_bundle(&[b"ab", b"", b"c"]).unwrap();
    assert_eq!(bundle, b"\0\x02ab\0\0\0\x01c");
    assert_eq!(
        parse_bundle(3, &bundle),
        Ok(vec![b"ab".as_slice(), b"", b"c"])
    );
    assert_eq!(
        parse_bundle(2, &bundle),
        Err(TileError::Trailing { found: 3 })
    );
    assert_eq!(
        parse_bundle(4, &bundle),
        Err(TileError::Truncated { entry: 3 })
    );
    for cut in 1..3 {
        assert_eq!(
            parse_bundle(3, &bundle[..bundle.len() - cut]),
            Err(TileError::Truncated { entry: 2 })
        );
    }
    for width in [0, 257] {
        assert_eq!(
            parse_bundle(width, &bundle),
            Err(TileError::Items {
                found: width.into()
            })
        );
    }
    assert_eq!(write_bundle(&[]), Err(TileError::Items { found: 0 }));
    assert_eq!(
        write_bundle(&[b"".as_slice(); 257]),
        Err(TileError::Items { found: 257 })
    );
    let largest = vec![7; ENTRY_LIMIT];
    let bundle = write_bundle(&[&largest]).unwrap();
    assert_eq!(parse_bundle(1, &bundle), Ok(vec![largest.as_slice()]));
    assert_eq!(
        write_bundle(&[&vec![7; ENTRY_LIMIT + 1]]),
        Err(TileError::EntryTooLarge {
            found: ENTRY_LIMIT + 1
        })
    );
}

proptest! {
    #[test]
    fn paths_come_back(path in "(tile/)?([0-9]|entries|data)/(x?[0-9]{1,3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = TileId::parse_path(&path) {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn any_text_is_a_path_or_not(path in "\\PC{0,80}") {
        drop(TileId::parse_path(&path));
    }

    #[test]
    fn bundles_come_back(width in 0u16..300, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(entries) = parse_bundle(width, &bytes) {
            prop_assert_eq!(write_bundle(&entries).unwrap(), bytes);
        }
    }
}
