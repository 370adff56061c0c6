//! Looking for a node's best split.
//!
//! Splitting a node of weight W and target sum S so that the left side has w and s lowers the
//! sum of squared errors by (s - w S/W)^2 W / (w (W - w)). The score is that without the
//! factor W, which all splits of a node share. Among equal scores the feature that was drawn
//! first wins, then the lowest position.

use std::ops::Range;

use super::entry::Entry;
use super::rows::{PACKED, Rows, Sum};

/// The best split of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) score: f64,
    pub(super) feature: usize,
    /// The last position of the left side.
    pub(super) position: usize,
}

/// The weight of a left side, or NaN, which makes no split, where rounding leaves none for
/// the right side.
#[inline]
pub(super) fn below(weight: f64, total: f64) -> f64 {
    if weight < total { weight } else { f64::NAN }
}

/// A node as the search sees it.
pub(super) struct Search<'a, E> {
    /// All lists, `stride` entries each, cut off in front of the node.
    pub(super) lists: &'a [E],
    pub(super) stride: usize,
    /// Rows of the node.
    pub(super) n: usize,
    /// Features to look at, in this order; none is constant.
    pub(super) features: &'a [u32],
    /// Positions that may be the last one of the left side.
    pub(super) positions: Range<usize>,
    pub(super) sum: Sum,
}

impl<'a, E: Entry> Search<'a, E> {
    /// A feature's list, and the entries behind it that may be read.
    #[inline]
    pub(super) fn list(&self, feature: u32) -> &'a [E] {
        &self.lists[feature as usize * self.stride..][..self.n + 8]
    }

    /// For sums that fit into a packed word.
    pub(super) fn packed(&self, rows: &Rows) -> Option<Found> {
        let records = E::table(&rows.records);
        let zero = || 0u64;
        self.walk(zero, |sum, entry| {
            *sum = sum.wrapping_add(entry.get(records));
            ((*sum >> PACKED) as f64, (*sum & ((1 << PACKED) - 1)) as f64)
        })
    }

    /// For sums of any size.
    pub(super) fn wide(&self, rows: &Rows) -> Option<Found> {
        match &rows.weights {
            None => self.walk(
                || (0u64, 0u64),
                |sum, entry| {
                    let draws = u64::from(rows.counts[entry.row()]);
                    sum.0 += rows.targets[entry.row()] * draws;
                    sum.1 += draws;
                    (sum.0 as f64, sum.1 as f64)
                },
            ),
            Some(weights) => self.walk(
                || (0.0, 0.0),
                |sum, entry| {
                    let weight = weights[entry.row()];
                    sum.0 += rows.targets[entry.row()] as f64 * weight;
                    sum.1 += weight;
                    (sum.0, below(sum.1, self.sum.weight()))
                },
            ),
        }
    }

    /// Walks along every list. `step` adds an entry to a sum and gives targets and weight.
    #[inline(always)]
    fn walk<S>(&self, zero: impl Fn() -> S, step: impl Fn(&mut S, E) -> (f64, f64)) -> Option<Found> {
        let total = self.sum.weight();
        let mean = self.sum.targets() / total;
        let mut best = Found { score: -1.0, feature: 0, position: 0 };
        // A score above the best has a numerator above `bar` times its denominator. The bar
        // is a little low, so that rounding never hides one; what passes is divided.
        let mut bar = -1.0;
        for &feature in self.features {
            let list = &self.list(feature)[..self.n];
            let mut sum = zero();
            for &entry in &list[..self.positions.start] {
                step(&mut sum, entry);
            }
            for (i, pair) in list[self.positions.start..=self.positions.end].windows(2).enumerate() {
                let (targets, weight) = step(&mut sum, pair[0]);
                let difference = targets - weight * mean;
                let squared = difference * difference;
                let product = weight * (total - weight);
                if squared > bar * product && pair[0].rank() != pair[1].rank() {
                    let score = squared / product;
                    if score > best.score {
                        let position = self.positions.start + i;
                        best = Found { score, feature: feature as usize, position };
                        bar = score * (1.0 - 1e-15);
                    }
                }
            }
        }
        (best.score >= 0.0).then_some(best)
    }
}
