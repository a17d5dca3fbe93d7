//! Tile paths, hash tiles and entry bundles: requests to a log, and its answers.
#![no_main]

use tlog::hash::NodeId;
use tlog::tile::{HashTile, TileId, TileKind, parse_bundle, write_bundle};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(path) = std::str::from_utf8(data)
        && let Ok(tile) = TileId::parse_path(path)
    {
        assert_eq!(tile.to_string(), path);
    }
    let Some((width, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let width = u16::from_be_bytes(*width);
    if let Ok(entries) = parse_bundle(width, rest) {
        assert_eq!(write_bundle(&entries).expect("what was read is written"), rest);
    }
    let Some(([level, index, node_level, node_index], rest)) = rest.split_first_chunk::<4>() else {
        return;
    };
    let kind = TileKind::Hashes { level: *level };
    if let Ok(id) = TileId::new(kind, u64::from(*index), width)
        && let Ok(tile) = HashTile::from_bytes(id, rest)
    {
        let node = NodeId { level: *node_level, index: u64::from(*node_index) << (*index % 64) };
        let _ = tile.node(node);
    }
});
