//! The Merkle tree of RFC 6962 §2.1, kept as the roots of its perfect subtrees: appending and the root need no more.

/// A SHA-256 hash.
pub(super) type Hash = [u8; 32];

/// The height of a tile: its 256 hashes stand eight levels above each other (C2SP tlog-tiles).
pub(super) const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile.
pub(super) const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// The root of a full tile, at its place in the tile level above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Tile level, from 1.
    pub(super) level: u32,
    /// Index in that level.
    pub(super) position: u64,
    pub(super) hash: Hash,
}

/// A tree of which only its size and the roots of its perfect subtrees are known, largest subtree first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    /// The tree with this many leaves and these roots of perfect subtrees, 32 bytes each; nothing if the two disagree.
    pub(super) fn from_parts(size: u64, peaks: &[u8]) -> Option<Tree> {
        let (hashes, rest) = peaks.as_chunks::<32>();
        let fits =
            rest.is_empty() && u32::try_from(hashes.len()).is_ok_and(|count| count == size.count_ones());
        fits.then(|| Tree { size, peaks: hashes.to_vec() })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, one after the other.
    pub(super) fn peaks(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Adds a leaf. Roots of tiles that this leaf fills are told.
    pub(super) fn append(&mut self, leaf: Hash, mut tile: impl FnMut(Node)) {
        let (mut hash, mut height, mut index) = (leaf, 0, self.size);
        // As many subtrees are filled as the old size has ones at its end.
        while index % 2 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = inner(&left, &hash);
            (height, index) = (height + 1, index / 2);
            if height % TILE_HEIGHT == 0 {
                tile(Node { level: height / TILE_HEIGHT, position: index, hash });
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root: the subtrees joined from the smallest on. The empty tree's is the hash of nothing.
    pub(super) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => keys::sha256(b""),
            Some(smallest) => peaks.fold(*smallest, |right, left| inner(left, &right)),
        }
    }
}

/// RFC 6962 §2.1: an inner node is hashed with a 0x01 before its two halves.
fn inner(left: &Hash, right: &Hash) -> Hash {
    keys::sha256(&[b"\x01".as_slice(), left, right].concat())
}

#[cfg(test)]
mod tests {
    use keys::encoding::{hex_decode, hex_encode};
    use proptest::prelude::*;

    use super::*;

    fn leaf(data: &[u8]) -> Hash {
        keys::sha256(&[b"\0", data].concat())
    }

    /// RFC 6962 §2.1 as it is written: split at the largest power of two below the size.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => keys::sha256(b""),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                inner(&by_definition(left), &by_definition(right))
            }
        }
    }

    #[test]
    fn the_roots_of_the_certificate_transparency_test_tree_come_out() {
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
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        for (input, root) in inputs.into_iter().zip(roots) {
            tree.append(leaf(&hex_decode(input).unwrap()), |_| ());
            assert_eq!(hex_encode(&tree.root()), root);
        }
    }

    #[test]
    fn full_tiles_are_told_with_the_root_of_what_they_cover() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|n| leaf(&n.to_be_bytes())).collect();
        let (mut tree, mut nodes) = (Tree::default(), Vec::new());
        for hash in &leaves {
            tree.append(*hash, |node| nodes.push(node));
        }
        let first: Vec<&Node> = nodes.iter().filter(|node| node.level == 1).collect();
        assert_eq!(first.len(), 273);
        assert!(first.iter().enumerate().all(|(n, node)| node.position == n as u64));
        assert_eq!(first[5].hash, by_definition(&leaves[5 * 256..6 * 256]));
        let second: Vec<&Node> = nodes.iter().filter(|node| node.level == 2).collect();
        assert_eq!((second.len(), second[0].hash), (1, by_definition(&leaves[..65_536])));
    }

    proptest! {
        #[test]
        fn the_root_is_that_of_the_definition_and_survives_being_stored(size in 0_u32..600, cut in 0_u32..600) {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf(&n.to_be_bytes())).collect();
            let mut tree = Tree::default();
            for (n, hash) in leaves.iter().enumerate() {
                if n as u32 == cut {
                    tree = Tree::from_parts(tree.size(), &tree.peaks()).unwrap();
                }
                tree.append(*hash, |_| ());
            }
            prop_assert_eq!(tree.root(), by_definition(&leaves));
        }

        #[test]
        fn roots_that_do_not_fit_the_size_are_refused(size in 0_u64..1_000, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let fits = bytes.len() == size.count_ones() as usize * 32;
            prop_assert_eq!(Tree::from_parts(size, &bytes).is_some(), fits);
        }
    }
}
