//! Which rows a tree is grown on, and what each counts for.

use crate::params::Checked;
use crate::random::Stream;
use crate::training::TrainingView;

/// How often a tree counts each row: the bootstrap, or once each. Rows of weight 0 do not
/// count. If it drew no others, the tree counts all of those once.
pub(crate) fn drawn(view: &TrainingView<'_>, params: &Checked, stream: &mut Stream) -> Vec<u32> {
    let n_rows = view.n_rows;
    let mut counts = vec![u32::from(params.draws.is_none()); n_rows];
    for _ in 0..params.draws.unwrap_or(0) {
        counts[stream.below_u32(n_rows as u32) as usize] += 1;
    }
    if let Some(weights) = view.weights {
        for (count, &weight) in counts.iter_mut().zip(weights) {
            *count *= u32::from(weight > 0.0);
        }
        if counts.iter().all(|&count| count == 0) {
            counts = weights.iter().map(|&weight| u32::from(weight > 0.0)).collect();
        }
    }
    counts
}

/// What the rows of one tree count for, by row.
pub(super) struct Rows {
    /// How often a row was drawn.
    pub(super) counts: Vec<u32>,
    pub(super) targets: Vec<u64>,
    /// Weight of a row's draws, where rows differ in weight.
    pub(super) weights: Option<Vec<f64>>,
    /// Sum of the targets of a row's draws, and number of draws, for sums of any size.
    pub(super) wide: Vec<[u64; 2]>,
    /// Sum of the targets of a row's draws, then number of draws, in one word: see [`PACKED`].
    pub(super) records: Vec<u64>,
    /// Most draws that a node can have for its sums to be packed.
    pub(super) packed_draws: u64,
    /// The same, of targets that were cut to leave room for more draws: see [`COARSE`].
    pub(super) coarse: Vec<u64>,
    /// Bits of them that hold the number of draws.
    pub(super) coarse_bits: u32,
    /// Bits that were cut off the targets.
    pub(super) cut: u32,
}

impl Rows {
    /// With tables of that length. Coarse records are of use to short entries only.
    pub(super) fn new(view: &TrainingView<'_>, table: usize, short: bool) -> Rows {
        let counted = view.weights.is_none();
        let packed_draws = if counted { packed_draws(view.span) } else { 0 };
        let coarse = counted && view.n_rows as u64 > packed_draws && view.n_rows <= 1 << 24;
        let coarse_bits = if short { COARSE } else { usize::BITS - view.n_rows.leading_zeros() };
        Rows {
            counts: Vec::new(),
            targets: view.targets.to_vec(),
            weights: view.weights.map(<[f64]>::to_vec),
            wide: Vec::new(),
            records: vec![0; table],
            packed_draws,
            coarse: vec![0; if coarse { table } else { 0 }],
            coarse_bits,
            cut: coarse_cut(view.span, coarse_bits),
        }
    }

    /// Fills the records in from counts and targets. Those of rows that were drawn too often
    /// for a packed sum are never used.
    pub(super) fn record(&mut self) {
        let rows = self.targets.iter().zip(&self.counts);
        self.wide.clear();
        if self.weights.is_none() {
            let draws = |(&target, &count): (&u64, &u32)| [target * u64::from(count), count.into()];
            self.wide.extend(rows.clone().map(draws));
        }
        if self.packed_draws > 0 {
            for (record, (&target, &count)) in self.records.iter_mut().zip(rows.clone()) {
                *record = u64::from(count).wrapping_mul(target << PACKED | 1);
            }
        }
        for (record, (&target, &count)) in self.coarse.iter_mut().zip(rows) {
            *record = u64::from(count) * ((target >> self.cut) << self.coarse_bits | 1);
        }
    }
}

/// Bits of a packed sum that hold the number of draws. The sum of targets is above them.
pub(super) const PACKED: u32 = 12;

/// Most draws of which a packed sum can hold the number, and the sum of targets up to `span`,
/// such that the latter is exact as a number too.
pub(super) fn packed_draws(span: u64) -> u64 {
    ((1 << 51) - 1) / span.max(1 << (51 - PACKED))
}

/// Bits of a coarse sum that hold the number of draws where that is at most 2^16. There are
/// coarse sums for up to 2^24 draws, which is exact in a 32-bit float.
pub(super) const COARSE: u32 = 17;

/// Bits to cut off targets up to `span` so that the sum of up to 2^`bits` of them leaves room
/// for the number of draws and for a sign.
fn coarse_cut(span: u64, bits: u32) -> u32 {
    let room = 63 - 2 * bits;
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

    /// The mean target, to the nearest unit; rounding does not lead it above `span`.
    pub(super) fn mean(self, span: u64) -> i64 {
        match self {
            Sum::Counted { targets, draws } => ((targets + draws / 2) / draws) as i64,
            Sum::Weighted { targets, weight } => {
                (targets / weight).round_ties_even().clamp(0.0, span as f64) as i64
            }
        }
    }
}
