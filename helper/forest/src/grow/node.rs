//! A node as the search for its best split sees it, and what the search finds.

use std::ops::Range;

use super::entry::Entry;
use super::rows::Sum;

/// The best split of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) score: f64,
    pub(super) feature: usize,
    /// The last position of the left side.
    pub(super) position: usize,
}

/// A split, by when its feature was drawn (upper half) and its position.
#[derive(Clone, Copy)]
pub(super) struct Best {
    pub(super) score: f64,
    pub(super) place: u64,
}

impl Best {
    pub(super) const NONE: Best = Best { score: -1.0, place: u64::MAX };

    /// The higher score, then the first place.
    #[inline]
    pub(super) fn or(self, other: Best) -> Best {
        let first = other.score == self.score && other.place < self.place;
        if other.score > self.score || first { other } else { self }
    }
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
    /// Features to look at; none is constant.
    pub(super) features: &'a [u32],
    /// All features in the order of drawing, as far as they were drawn.
    pub(super) drawn: &'a [u32],
    /// For each feature when it was drawn.
    pub(super) turns: &'a [u32],
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

    /// When the feature at this place was drawn.
    #[inline]
    pub(super) fn turn(&self, place: usize) -> u64 {
        self.turns[self.features[place] as usize].into()
    }

    pub(super) fn found(&self, best: Best) -> Option<Found> {
        (best.score >= 0.0).then(|| Found {
            score: best.score,
            feature: self.drawn[(best.place >> 32) as usize] as usize,
            position: best.place as u32 as usize,
        })
    }
}
