//! Which rows a tree is grown on, and what each counts for.

use crate::params::Checked;
use crate::random::Stream;

/// Draws the bootstrap: how often each row was drawn. Without bootstrap, once each.
pub(crate) fn drawn(n_rows: usize, params: &Checked, stream: &mut Stream) -> Vec<u32> {
    let Some(draws) = params.draws else { return vec![1; n_rows] };
    let mut counts = vec![0; n_rows];
    for _ in 0..draws {
        counts[stream.below(n_rows as u32) as usize] += 1;
    }
    counts
}

/// What the rows of one tree count for, by row.
pub(super) struct Rows<'a> {
    /// How often a row was drawn.
    pub(super) counts: Vec<u32>,
    /// Sum of the targets of a row's draws, then number of draws, in one word: see [`PACKED`].
    pub(super) records: Vec<u64>,
    /// The same, of targets that were cut to leave room for more draws: see [`COARSE`].
    pub(super) coarse: Vec<u64>,
    /// Bits that were cut off the targets.
    pub(super) cut: u32,
    pub(super) targets: &'a [u64],
    /// Weight of a row's draws, where rows differ in weight.
    pub(super) weights: Option<Vec<f64>>,
}

/// Bits of a packed sum that hold the number of draws. The sum of targets is above them.
pub(super) const PACKED: u32 = 12;

/// Most draws of which a packed sum can hold the number, and the sum of targets up to `span`,
/// such that the latter is exact as a number too.
pub(super) fn packed_draws(span: u64) -> u64 {
    ((1 << 51) - 1) / span.max(1 << (51 - PACKED))
}

/// Bits of a coarse sum that hold the number of draws, of which there are at most 2^16.
pub(super) const COARSE: u32 = 17;

/// Bits to cut off targets up to `span` so that the sum of 2^16 of them leaves room for the
/// number of draws and for a sign.
pub(super) fn coarse_cut(span: u64) -> u32 {
    let room = 64 - 1 - COARSE - 16;
    (u64::BITS - span.leading_zeros()).saturating_sub(room)
}

/// Sum of targets and number (or weight) of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sum {
    /// Exact.
    Counted {
        targets: u64,
        draws: u64,
    },
    Weighted {
        targets: f64,
        weight: f64,
    },
}

impl Sum {
    pub(super) fn targets(self) -> f64 {
        match self {
            Sum::Counted { targets, .. } => targets as f64,
            Sum::Weighted { targets, .. } => targets,
        }
    }

    pub(super) fn weight(self) -> f64 {
        match self {
            Sum::Counted { draws, .. } => draws as f64,
            Sum::Weighted { weight, .. } => weight,
        }
    }

    /// The mean target, to the nearest unit.
    pub(super) fn mean(self) -> i64 {
        match self {
            Sum::Counted { targets, draws } => ((targets + draws / 2) / draws) as i64,
            Sum::Weighted { targets, weight } => (targets / weight).round_ties_even() as i64,
        }
    }
}
