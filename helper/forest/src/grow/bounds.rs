//! Bounding the scores of splits from above, block by block, so that few are scored exactly.

use super::entry::Entry;
use super::node::{Best, Search};

/// Positions of a block.
pub(super) const BLOCK: usize = 16;

/// Fewest positions for which it pays to bound the scores of every feature first.
pub(super) const BOUNDED: usize = 10;

/// Features that are bounded side by side.
pub(super) const FEATURES: usize = 8;

/// Some consecutive positions of the lists of up to eight features.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    /// For each feature the sum of the records in front of the block.
    pub(super) before: [u64; FEATURES],
    /// For each feature what no score in the block is above, in units of [`Bounds::square`].
    pub(super) highest: [f32; FEATURES],
}

/// Memory that a search works in.
pub(super) struct Room {
    pub(super) blocks: Vec<Block>,
    /// Sums along a list.
    pub(super) sums: Vec<u64>,
}

impl Room {
    /// For nodes of up to that many rows.
    pub(super) fn new(n_rows: usize) -> Room {
        Room { blocks: vec![Block::default(); n_rows.div_ceil(BLOCK)], sums: vec![0; n_rows] }
    }
}

/// The best of a split and those of these features, of which `exact` scores the blocks that
/// allow for a better one. It is given a feature and a block.
#[inline(always)]
pub(super) fn best_of_blocks(
    mut best: Best,
    blocks: &[Block],
    n_features: usize,
    bounds: &Bounds,
    mut exact: impl FnMut(usize, usize) -> Best,
) -> Best {
    let higher = |a: f32, b: f32| if a > b { a } else { b };
    let mut highest = [0.0f32; FEATURES];
    for block in blocks {
        for (highest, &bound) in highest.iter_mut().zip(&block.highest) {
            *highest = higher(bound, *highest);
        }
    }
    highest[n_features..].fill(-1.0);
    // The most promising block first; the others only if they can be as good.
    let most = highest.into_iter().fold(0.0, higher);
    let bound = |highest: f32| f64::from(highest) * bounds.square;
    if bound(most) < best.score {
        return best;
    }
    let top = set(highest.map(|highest| highest == most)).trailing_zeros() as usize % FEATURES;
    let top_block = blocks.iter().position(|block| block.highest[top] == most).unwrap_or(0);
    best = best.or(exact(top, top_block));
    let mut others = set(highest.map(|highest| bound(highest) >= best.score));
    while others != 0 {
        let feature = others.trailing_zeros() as usize % FEATURES;
        for (i, block) in blocks.iter().enumerate() {
            if bound(block.highest[feature]) >= best.score && (feature, i) != (top, top_block) {
                best = best.or(exact(feature, i));
            }
        }
        others &= others - 1;
    }
    best
}

/// As a set of bits.
#[inline(always)]
fn set(flags: [bool; FEATURES]) -> u32 {
    flags.iter().rev().fold(0, |set, &flag| set << 1 | u32::from(flag))
}

/// What bounding the scores of a node's positions from above takes.
///
/// Sums are read to 32 bits in units of 2^(32 - bits), times 2^cut in coarse records, and
/// treated as 32-bit floats, whose relative error is at most u = 2^-24.
///
/// A sum of targets s is off by 1 from reading, by w / 2^(32 - bits) from cutting, and by u s;
/// the weight w is exact; the mean m is off by u m, so w m by 2 u w m; the difference by u of
/// itself. As neither s nor w m is above the node's sum S, it is off by at most
/// 1 + w / 2^(32 - bits) + 5 u S in all. With that added, its square over the product of the
/// weights bounds the score but for five more roundings of u each.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) total: f32,
    pub(super) mean: f32,
    pub(super) slack: f32,
    /// Of a unit, a little more.
    pub(super) square: f64,
    /// Bits that hold the number of draws.
    draws: i32,
}

impl Bounds {
    /// For sums of which the lowest `bits` hold the number of draws.
    pub(super) fn new(node: &Search<'_, impl Entry>, bits: u32, cut: u32) -> Bounds {
        let scale = |power: u32| (1u64 << power) as f64;
        let unit = scale(32 - bits + cut);
        let (targets, total) = (node.sum.targets() / unit, node.sum.weight());
        Bounds {
            total: total as f32,
            mean: (targets / total) as f32,
            slack: (1.1 + total / scale(32 - bits) + targets * (8.0 / scale(24))) as f32,
            square: unit * unit * (1.0 + 1e-6),
            draws: (1 << bits) - 1,
        }
    }

    /// No score along these sums is above this.
    #[inline(always)]
    pub(super) fn bound(&self, sums: &[u64]) -> f32 {
        let score = |sum: u64| {
            let targets = (sum >> 32) as i32 as f32;
            let weight = (sum as i32 & self.draws) as f32;
            let difference = (targets - weight * self.mean).abs() + self.slack;
            difference * difference / (weight * (self.total - weight))
        };
        let higher = |a: f32, b: f32| if a > b { a } else { b };
        let mut lanes = [0.0f32; 4];
        let (fours, rest) = sums.as_chunks::<4>();
        for four in fours {
            for (highest, &sum) in lanes.iter_mut().zip(four) {
                *highest = higher(score(sum), *highest);
            }
        }
        let rest = rest.iter().fold(0.0, |highest, &sum| higher(score(sum), highest));
        lanes.into_iter().fold(rest, higher)
    }
}
