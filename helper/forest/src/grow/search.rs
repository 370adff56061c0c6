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

/// A split, by its feature's place in the order of drawing (upper half) and its position.
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

    pub(super) fn found(&self, best: Best) -> Option<Found> {
        (best.score >= 0.0).then(|| Found {
            score: best.score,
            feature: self.features[(best.place >> 32) as usize] as usize,
            position: best.place as u32 as usize,
        })
    }

    /// Looks at all features. Where sums fit into a packed word, `packed`, it takes less time.
    pub(super) fn search(&self, rows: &Rows, packed: bool, sums: &mut [u64]) -> Option<Found> {
        let all = 0..self.features.len();
        let best = if packed && self.positions.len() < BOUNDED {
            self.packed(all, rows)
        } else if packed {
            let (bounds, records) = (Bounds::new(self, PACKED, 0), &rows.records);
            self.bounded(bounds, records, sums, |place| self.packed(place..place + 1, rows))
        } else if self.positions.len() >= BOUNDED && !rows.coarse.is_empty() {
            let (bounds, records) = (Bounds::new(self, rows.coarse_bits, rows.cut), &rows.coarse);
            self.bounded(bounds, records, sums, |place| self.wide(place, rows))
        } else {
            all.map(|place| self.wide(place, rows)).fold(Best::NONE, Best::or)
        };
        self.found(best)
    }

    /// The best split of all features, by scoring only those exactly whose bounds allow it.
    fn bounded(
        &self,
        bounds: Bounds,
        records: &[u64],
        sums: &mut [u64],
        exact: impl Fn(usize) -> Best,
    ) -> Best {
        let records = E::table(records);
        let mut best = Best::NONE;
        for (chunk, features) in self.features.chunks(CHUNK).enumerate() {
            let mut highest = [0.0; CHUNK];
            for (highest, &feature) in highest.iter_mut().zip(features) {
                self.add_up(feature, records, sums);
                *highest = bounds.bound(&sums[self.positions.clone()]);
            }
            best = best_of_bounded(best, &highest[..features.len()], |i| exact(chunk * CHUNK + i));
        }
        best
    }

    /// Writes the sums of records along a feature's list, and up to three beyond.
    #[inline(always)]
    pub(super) fn add_up(&self, feature: u32, records: &E::Table<u64>, sums: &mut [u64]) {
        let padded = self.n.next_multiple_of(4);
        let (entries, _) = self.list(feature)[..padded].as_chunks::<4>();
        let (sums, _) = sums[..padded].as_chunks_mut::<4>();
        let mut sum = 0u64;
        for (entries, sums) in entries.iter().zip(sums) {
            for (entry, out) in entries.iter().zip(sums) {
                sum = sum.wrapping_add(entry.get(records));
                *out = sum;
            }
        }
    }

    /// The best split of the features at these places, from sums that fit into a packed word.
    fn packed(&self, places: Range<usize>, rows: &Rows) -> Best {
        let records = E::table(&rows.records);
        let step = |sum: &mut u64, entry: E| {
            *sum = sum.wrapping_add(entry.get(records));
            ((*sum >> PACKED) as i64 as f64, (*sum & ((1 << PACKED) - 1)) as i64 as f64)
        };
        self.walk(places, || 0, step)
    }

    /// The best split of the feature at this place, from sums of any size.
    fn wide(&self, place: usize, rows: &Rows) -> Best {
        let place = place..place + 1;
        let Some(weights) = &rows.weights else {
            let step = |sum: &mut (u64, u64), entry: E| {
                let [targets, draws] = rows.wide[entry.row()];
                *sum = (sum.0 + targets, sum.1 + draws);
                // Below 2^63, and converted faster with a sign.
                (sum.0 as i64 as f64, sum.1 as i64 as f64)
            };
            return self.walk(place, || (0, 0), step);
        };
        let total = self.sum.weight();
        let step = |sum: &mut (f64, f64), entry: E| {
            let weight = weights[entry.row()];
            *sum = (sum.0 + rows.targets[entry.row()] as f64 * weight, sum.1 + weight);
            (sum.0, below(sum.1, total))
        };
        self.walk(place, || (0.0, 0.0), step)
    }

    /// Walks along lists. `step` adds an entry to a sum and gives targets and weight.
    #[inline(always)]
    fn walk<S>(
        &self,
        places: Range<usize>,
        zero: impl Fn() -> S,
        step: impl Fn(&mut S, E) -> (f64, f64),
    ) -> Best {
        let total = self.sum.weight();
        let mean = self.sum.targets() / total;
        let mut best = Best::NONE;
        // A score above the best has a numerator above `bar` times its denominator. The bar
        // is a little low, so that rounding never hides one; what passes is divided.
        let mut bar = -1.0;
        for place in places {
            let list = &self.list(self.features[place])[..=self.positions.end];
            let (before, list) = list.split_at(self.positions.start);
            let mut sum = zero();
            for &entry in before {
                step(&mut sum, entry);
            }
            for (i, (entry, next)) in list.iter().zip(&list[1..]).enumerate() {
                let (targets, weight) = step(&mut sum, *entry);
                let difference = targets - weight * mean;
                let squared = difference * difference;
                let product = weight * (total - weight);
                if squared > bar * product && entry.rank() != next.rank() {
                    let score = squared / product;
                    if score > best.score {
                        let position = self.positions.start + i;
                        best = Best { score, place: (place as u64) << 32 | position as u64 };
                        bar = score * (1.0 - 1e-15);
                    }
                }
            }
        }
        best
    }
}

/// Fewest positions for which it pays to bound the scores of every feature first.
pub(super) const BOUNDED: usize = 12;

/// Features whose bounds are compared at a time.
pub(super) const CHUNK: usize = 64;

/// The best of a split and those that `exact` finds where `highest` allows for a better one.
#[inline(always)]
pub(super) fn best_of_bounded(mut best: Best, highest: &[f64], mut exact: impl FnMut(usize) -> Best) -> Best {
    // The most promising first; the others only if they can be as good.
    let (mut top, mut top_bound) = (0, -1.0);
    for (i, &highest) in highest.iter().enumerate() {
        if highest > top_bound {
            (top, top_bound) = (i, highest);
        }
    }
    if top_bound >= best.score {
        best = best.or(exact(top));
    }
    for (i, &highest) in highest.iter().enumerate() {
        if highest >= best.score && i != top {
            best = best.or(exact(i));
        }
    }
    best
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

    /// No score along these sums is above this. There are at least 8 of them.
    fn bound(&self, sums: &[u64]) -> f64 {
        const LANES: usize = 8;
        let mut highest = [0.0f32; LANES];
        let (chunks, _) = sums.as_chunks::<LANES>();
        for chunk in chunks.iter().chain(sums.last_chunk()) {
            for (highest, &sum) in highest.iter_mut().zip(chunk) {
                let targets = (sum >> 32) as i32 as f32;
                let weight = (sum as i32 & self.draws) as f32;
                let difference = (targets - weight * self.mean).abs() + self.slack;
                let score = difference * difference / (weight * (self.total - weight));
                *highest = if score > *highest { score } else { *highest };
            }
        }
        f64::from(highest.into_iter().fold(0.0, f32::max)) * self.square
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grow::Simd;
    use crate::random::Stream;
    use crate::training::{Order, TrainingView, stride};
    use crate::{Matrix, TrainingSet};

    /// Bounds leave the best split in, also where targets differ by little of what they are.
    #[test]
    fn what_is_found_by_bounds_is_the_best_of_all() {
        for case in 0..600 {
            let mut stream = Stream::new(1, case);
            let (n, n_features) = (15 + stream.below(300) as usize, 1 + stream.below(20) as usize);
            let levels = 2 + stream.below(500);
            let x: Vec<f64> = (0..n * n_features).map(|_| f64::from(stream.below(levels))).collect();
            let noise = 0.5f64.powi(stream.below(38) as i32);
            let lowest = -f64::from(stream.below(2));
            let mut y: Vec<f64> =
                x.chunks(n_features).map(|x| x[0] / 500.0 + noise * f64::from(stream.below(1000))).collect();
            y[0] = lowest;
            let set = TrainingSet::new(Matrix::from_rows(&x, n_features).unwrap(), &y).unwrap();
            check(&set.view(), &mut stream);
        }
    }

    fn check(view: &TrainingView<'_>, stream: &mut Stream) {
        let Order::Short(lists) = view.order else { panic!("few rows") };
        let mut rows = Rows::new(view, 1 << 16, true);
        rows.coarse = vec![0; 1 << 16];
        rows.counts = (0..view.n_rows).map(|_| 1 + stream.below(3)).collect();
        rows.record();
        let sum = rows.wide.iter().fold([0, 0], |s, r| [s[0] + r[0], s[1] + r[1]]);
        let least = 1 + stream.below(2) as usize;
        let features: Vec<u32> = (0..view.n_features as u32).rev().collect();
        let node = Search {
            lists,
            stride: stride(view.n_rows),
            n: view.n_rows,
            features: &features,
            positions: least - 1..view.n_rows - least,
            sum: Sum::Counted { targets: sum[0], draws: sum[1] },
        };
        let exact = |best: Best, place| best.or(node.wide(place, &rows));
        let expected = node.found((0..features.len()).fold(Best::NONE, exact));
        let mut sums = vec![0; 2 * node.stride];
        for simd in [Simd::detect(false), Simd::detect(true)] {
            // Only sums that fit are packed.
            for packed in [false, sum[1] <= rows.packed_draws] {
                let found = u32::search(simd, &node, &rows, packed, &mut sums);
                assert_eq!(found, expected, "{simd:?}, packed: {packed}");
            }
        }
    }
}
