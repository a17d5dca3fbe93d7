//! Tiles (C2SP tlog-tiles): the tree and its entries cut into immutable files of up to 256 items.

use pki::digest::Sha256;

use crate::hash::{MAX_TREE_SIZE, NodeId, fold};

/// Items of a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree in one level of tiles.
const TILE_HEIGHT: u8 = 8;

/// The highest level of hash tiles: 256⁸ leaves are more than there can be.
pub const MAX_TILE_LEVEL: u8 = 7;

/// Most bytes of an entry: its length is written in 16 bits.
pub const ENTRY_LIMIT: usize = u16::MAX as usize;

/// Most bytes of an entry bundle.
pub const BUNDLE_LIMIT: usize = 256 * (2 + ENTRY_LIMIT);

/// Most bytes of a tile's path.
const PATH_LIMIT: usize = 64;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// `tile/data/`: leaves of a CT log (C2SP static-ct-api).
    Data,
    /// `tile/entries/`: an entry bundle.
    Entries,
    /// `tile/<level>/`: hashes; number `i` of a tile at level `L` covers `256^L` leaves.
    Hashes {
        /// 0 to [`MAX_TILE_LEVEL`].
        level: u8,
    },
}

/// Which tile: its name below the log's base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// Why there is no such tile, or bytes are not its contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// An entry longer than [`ENTRY_LIMIT`].
    #[error("entry of {found} bytes, at most {ENTRY_LIMIT}")]
    EntryTooLarge {
        /// Its size.
        found: usize,
    },
    /// The tile holds something else than hashes.
    #[error("tile of kind {kind:?} holds no hashes")]
    Kind {
        /// What it holds.
        kind: TileKind,
    },
    /// More items than [`TILE_WIDTH`], or none.
    #[error("tile of {found} items, 1 to {TILE_WIDTH} needed")]
    Items {
        /// Items given.
        found: usize,
    },
    /// A hash tile that is not 32 bytes for each of its items.
    #[error("hash tile of {found} bytes, expected {expected}")]
    Length {
        /// Bytes that it must have.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A level above [`MAX_TILE_LEVEL`], or an index beyond the largest tree.
    #[error("tile {index} of level {level} is beyond the largest tree")]
    OutOfRange {
        /// Its level.
        level: u8,
        /// Its index.
        index: u64,
    },
    /// The text is no path of a tile in its one right form.
    #[error("not the path of a tile")]
    Path,
    /// A bundle with fewer entries, or with a last entry cut short.
    #[error("bundle ends inside entry {entry}")]
    Truncated {
        /// The entry's number in the bundle.
        entry: usize,
    },
    /// A bundle that goes on after its last entry.
    #[error("{found} bytes after the last entry of a bundle")]
    Trailing {
        /// How many.
        found: usize,
    },
}

impl TileId {
    /// A tile of `width` items, 1 to [`TILE_WIDTH`]; fewer than that is a partial tile.
    ///
    /// # Errors
    /// [`TileError::Items`] or [`TileError::OutOfRange`].
    pub fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, TileError> {
        if !(1..=TILE_WIDTH).contains(&width) {
            return Err(TileError::Items {
                found: width.into(),
            });
        }
        let level = match kind {
            TileKind::Hashes { level } => level,
            TileKind::Data | TileKind::Entries => 0,
        };
        if level > MAX_TILE_LEVEL || index > MAX_TREE_SIZE >> (TILE_HEIGHT * level) >> TILE_HEIGHT {
            return Err(TileError::OutOfRange { level, index });
        }
        Ok(Self { kind, index, width })
    }

    /// The tile as wide as a tree of `tree_size` leaves has it; none if the tree does not reach it.
    #[must_use]
    pub fn in_tree(kind: TileKind, index: u64, tree_size: u64) -> Option<Self> {
        let level = match kind {
            TileKind::Hashes { level } if level <= MAX_TILE_LEVEL => level,
            TileKind::Hashes { .. } => return None,
            TileKind::Data | TileKind::Entries => 0,
        };
        let items = tree_size.min(MAX_TREE_SIZE) >> (TILE_HEIGHT * level);
        let first = index.checked_mul(TILE_WIDTH.into())?;
        let rest = items.checked_sub(first)?.min(TILE_WIDTH.into());
        Self::new(kind, index, u16::try_from(rest).ok()?).ok()
    }

    /// The hash tile of a tree of `tree_size` leaves that holds `node`, or the hashes `node` is folded from; none if
    /// the node is not full in that tree.
    #[must_use]
    pub fn holding(node: NodeId, tree_size: u64) -> Option<Self> {
        let end = node.index.checked_add(1)?;
        if node.level > 63 || end > tree_size.min(MAX_TREE_SIZE) >> node.level {
            return None;
        }
        let level = node.level / TILE_HEIGHT;
        let first = node.index << (node.level % TILE_HEIGHT);
        Self::in_tree(
            TileKind::Hashes { level },
            first / u64::from(TILE_WIDTH),
            tree_size,
        )
    }

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its position among the tiles of its kind and level, from the left.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Items in it.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether later trees have a wider tile in its place.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The full tile in its place, which a log may offer instead of a partial one.
    #[must_use]
    pub fn full(&self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..*self
        }
    }

    /// Reads a path such as `tile/0/x001/x234/067` or `tile/entries/000.p/5`, without a leading slash.
    ///
    /// # Errors
    /// [`TileError::Path`] for every other spelling; [`TileError::OutOfRange`] or [`TileError::Items`].
    pub fn parse_path(path: &str) -> Result<Self, TileError> {
        if path.len() > PATH_LIMIT {
            return Err(TileError::Path);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (kind, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let kind = match kind {
            "data" => TileKind::Data,
            "entries" => TileKind::Entries,
            level => TileKind::Hashes {
                level: level.parse().map_err(|_| TileError::Path)?,
            },
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => (index, width.parse().map_err(|_| TileError::Path)?),
        };
        let tile = Self::new(kind, parse_index(index)?, width)?;
        // One name per tile: signs, leading zeros and `.p/256` do not come back as they were.
        if tile.to_string() == path {
            Ok(tile)
        } else {
            Err(TileError::Path)
        }
    }
}

/// The path below the log's base URL, without a leading slash.
impl std::fmt::Display for TileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            TileKind::Data => f.write_str("tile/data/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

fn parse_index(text: &str) -> Result<u64, TileError> {
    text.split('/').try_fold(0_u64, |index, group| {
        let group: u64 = group
            .trim_start_matches('x')
            .parse()
            .map_err(|_| TileError::Path)?;
        index
            .checked_mul(1000)
            .and_then(|index| index.checked_add(group))
            .ok_or(TileError::Path)
    })
}

/// Every tile of `kind` that a tree has when it has grown from `old` to `new` leaves, and had not, or not so wide.
pub fn tiles_between(kind: TileKind, old: u64, new: u64) -> impl Iterator<Item = TileId> {
    let shift = match kind {
        TileKind::Hashes { level } => u32::from(TILE_HEIGHT) * u32::from(level),
        TileKind::Data | TileKind::Entries => 0,
    };
    let items = |size: u64| size.min(MAX_TREE_SIZE).checked_shr(shift).unwrap_or(0);
    let (before, after) = (items(old), items(new));
    let width = u64::from(TILE_WIDTH);
    let range = if before < after {
        before / width..after.div_ceil(width)
    } else {
        0..0
    };
    range.filter_map(move |index| TileId::in_tree(kind, index, new))
}

/// The contents of a hash tile. Whether they are the log's shows only when a root is computed from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTile {
    id: TileId,
    level: u8,
    hashes: Vec<Sha256>,
}

impl HashTile {
    /// Reads the contents of tile `id`: 32 bytes for each of its items.
    ///
    /// # Errors
    /// [`TileError::Length`] or [`TileError::Kind`].
    pub fn from_bytes(id: TileId, bytes: &[u8]) -> Result<Self, TileError> {
        let TileKind::Hashes { level } = id.kind else {
            return Err(TileError::Kind { kind: id.kind });
        };
        let expected = 32 * usize::from(id.width);
        if bytes.len() != expected {
            return Err(TileError::Length {
                expected,
                found: bytes.len(),
            });
        }
        let hashes = bytes
            .chunks_exact(32)
            .map(|chunk| Sha256::try_from(chunk).expect("a chunk has 32 bytes"))
            .collect();
        Ok(Self { id, level, hashes })
    }

    /// Which tile it is.
    #[must_use]
    pub fn id(&self) -> TileId {
        self.id
    }

    /// The hash of `node`, folded from the tile's items; none if they do not cover it.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<Sha256> {
        let height = node.level.checked_sub(TILE_HEIGHT * self.level)?;
        if height >= TILE_HEIGHT {
            return None;
        }
        let count = 1_usize << height;
        let first = node
            .index
            .checked_mul(1 << height)?
            .checked_sub(self.id.index * u64::from(TILE_WIDTH))?;
        let first = usize::try_from(first).ok()?;
        let mut items = self.hashes.get(first..first.checked_add(count)?)?.to_vec();
        while items.len() > 1 {
            items = items.chunks(2).filter_map(fold).collect();
        }
        items.pop()
    }
}

/// Writes an entry bundle: for each entry its length in two bytes, big endian, and its bytes.
///
/// # Errors
/// [`TileError::Items`] or [`TileError::EntryTooLarge`].
pub fn write_bundle(entries: &[&[u8]]) -> Result<Vec<u8>, TileError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(TileError::Items {
            found: entries.len(),
        });
    }
    let mut bundle = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| TileError::EntryTooLarge { found: entry.len() })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// Reads an entry bundle of exactly `width` entries, 1 to [`TILE_WIDTH`].
///
/// # Errors
/// [`TileError::Items`], [`TileError::Truncated`] or [`TileError::Trailing`].
pub fn parse_bundle(width: u16, bundle: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    if !(1..=TILE_WIDTH).contains(&width) {
        return Err(TileError::Items {
            found: width.into(),
        });
    }
    let mut rest = bundle;
    let mut entries = Vec::with_capacity(width.into());
    for entry in 0..usize::from(width) {
        let truncated = TileError::Truncated { entry };
        let (length, after) = rest
            .split_first_chunk::<2>()
            .ok_or_else(|| truncated.clone())?;
        let (contents, after) = after
            .split_at_checked(u16::from_be_bytes(*length).into())
            .ok_or(truncated)?;
        entries.push(contents);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(TileError::Trailing { found: rest.len() })
    }
}
