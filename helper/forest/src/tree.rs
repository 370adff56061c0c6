//! One regression tree.

/// A node in 16 bytes. An inner node holds a threshold, a feature and its left child, which
/// its right child follows. A leaf holds its value where the threshold would be, as the
/// payload of a NaN: nothing is greater than NaN, and its left child is itself, so walking
/// down a tree needs no test for leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    bits: u64,
    left: u32,
    feature: u32,
}

const NAN: u64 = 0x7ff8 << 48;
/// Bits of a NaN that are free.
const PAYLOAD: u32 = 51;

impl Node {
    pub(crate) fn leaf(at: usize, value: i64) -> Node {
        debug_assert!(value.unsigned_abs() < 1 << (PAYLOAD - 1));
        let payload = value as u64 & ((1 << PAYLOAD) - 1);
        Node { bits: NAN | payload, left: at as u32, feature: 0 }
    }

    /// An inner node whose threshold is between the values of two ranks, still to be looked up.
    pub(crate) fn undecided(feature: usize, ranks: (usize, usize), left: usize) -> Node {
        let bits = (ranks.0 as u64) << 32 | ranks.1 as u64;
        Node { bits, left: left as u32, feature: feature as u32 }
    }

    /// The ranks of an undecided node.
    pub(crate) fn ranks(self) -> (usize, usize) {
        ((self.bits >> 32) as usize, self.bits as u32 as usize)
    }

    /// Looks up the threshold of an undecided node.
    pub(crate) fn decide(&mut self, threshold: impl Fn(usize, usize, usize) -> f64) {
        let (lower, upper) = self.ranks();
        self.bits = threshold(self.feature as usize, lower, upper).to_bits();
    }

    /// The node after this one for a row.
    #[inline]
    pub(crate) fn next(self, row: &[f64]) -> usize {
        self.left as usize + usize::from(row[self.feature as usize] > self.threshold())
    }

    pub(crate) fn threshold(self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(crate) fn is_leaf(self) -> bool {
        self.bits & NAN == NAN
    }

    /// The value of a leaf.
    #[inline]
    pub(crate) fn value(self) -> i64 {
        let unused = 64 - PAYLOAD;
        (self.bits << unused) as i64 >> unused
    }

    pub(crate) fn feature(self) -> usize {
        self.feature as usize
    }

    pub(crate) fn left(self) -> usize {
        self.left as usize
    }
}

/// A regression tree: nodes, the root first, children behind their parents.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// For each feature, how much its splits lower the sum of squares, in squared units.
    pub(crate) gains: Vec<f64>,
}

impl Tree {
    /// Most edges between the root and a leaf.
    pub(crate) fn depth(&self) -> usize {
        let mut depth = vec![0; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate().filter(|(_, n)| !n.is_leaf()) {
            depth[node.left()] = depth[i] + 1;
            depth[node.left() + 1] = depth[i] + 1;
        }
        depth.into_iter().max().unwrap_or(0)
    }

    /// The leaf that a row ends in.
    pub(crate) fn leaf(&self, row: &[f64]) -> usize {
        let mut at = 0;
        while !self.nodes[at].is_leaf() {
            at = self.nodes[at].next(row);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_holds_any_fixed_point_value_and_holds_a_walk() {
        for value in [0, 1, -1, 1 << 41, -(1 << 41), (1 << 49) - 1] {
            let leaf = Node::leaf(7, value);
            assert!(leaf.is_leaf());
            assert_eq!(leaf.value(), value);
            assert_eq!(leaf.next(&[f64::MAX]), 7);
        }
        let mut inner = Node::undecided(1, (4, 6), 3);
        inner.decide(|feature, lower, upper| (feature + lower + upper) as f64 / 22.0);
        assert!(!inner.is_leaf());
        assert_eq!([inner.next(&[9.0, 0.5]), inner.next(&[9.0, 0.6])], [3, 4]);
    }
}
