//! Looking for a node's best split.
//!
//! Splitting a node of weight W and target sum S so that the left side has w and s lowers the
//! sum of squared errors by (s - w S/W)^2 W / (w (W - w)). The score is that without the
//! factor W, which all splits of a node share. Among equal scores the feature that was drawn
//! first wins, then the lowest position.

use std::ops::Range;

use super::bounds::{BLOCK, BOUNDED, Bounds, FEATURES, Room, best_of_blocks};
use super::entry::Entry;
use super::node::{Best, Found, Search, below};
use super::rows::{PACKED, Rows};

impl<E: Entry> Search<'_, E> {
    /// Looks at all features. Where sums fit into a packed word, `packed`, it takes less time.
    pub(super) fn search(&self, rows: &Rows, packed: bool, room: &mut Room) -> Option<Found> {
        let all = self.positions.clone();
        let best = if self.positions.len() < BOUNDED || (!packed && rows.coarse.is_empty()) {
            let places = 0..self.features.len();
            if packed {
                let records = E::table(&rows.records);
                self.packed(places, all, rows, |place| {
                    self.sum_before(self.list(self.features[place]), records)
                })
            } else {
                places.map(|place| self.wide(place, all.clone(), rows)).fold(Best::NONE, Best::or)
            }
        } else if packed {
            let (bounds, records) = (Bounds::new(self, PACKED, 0), &rows.records);
            self.bounded(bounds, records, room, |place, part, before| {
                self.packed(place..place + 1, part, rows, |_| before)
            })
        } else {
            let (bounds, records) = (Bounds::new(self, rows.coarse_bits, rows.cut), &rows.coarse);
            self.bounded(bounds, records, room, |place, part, _| self.wide(place, part, rows))
        };
        self.found(best)
    }

    /// The positions of a block.
    #[inline]
    pub(super) fn block(&self, index: usize) -> Range<usize> {
        let start = self.positions.start + index * BLOCK;
        start..self.positions.end.min(start + BLOCK)
    }

    /// The best split of all features, by scoring only those blocks exactly whose bounds allow it.
    fn bounded(
        &self,
        bounds: Bounds,
        records: &[u64],
        room: &mut Room,
        exact: impl Fn(usize, Range<usize>, u64) -> Best,
    ) -> Best {
        let records = E::table(records);
        let Room { blocks, sums } = room;
        let blocks = &mut blocks[..self.positions.len().div_ceil(BLOCK)];
        let mut best = Best::NONE;
        for (chunk, features) in self.features.chunks(FEATURES).enumerate() {
            for (lane, &feature) in features.iter().enumerate() {
                let list = self.list(feature);
                let before = self.sum_before(list, records);
                let mut sum = before;
                // All sums first: they are then loaded several at a time.
                for (entry, out) in list[self.positions.clone()].iter().zip(&mut *sums) {
                    sum = sum.wrapping_add(entry.get(records));
                    *out = sum;
                }
                let mut sum = before;
                for (block, sums) in blocks.iter_mut().zip(sums[..self.positions.len()].chunks(BLOCK)) {
                    block.before[lane] = std::mem::replace(&mut sum, sums[sums.len() - 1]);
                    block.highest[lane] = bounds.bound(sums);
                }
            }
            best = best_of_blocks(best, blocks, features.len(), &bounds, |lane, i| {
                exact(chunk * FEATURES + lane, self.block(i), blocks[i].before[lane])
            });
        }
        best
    }

    /// The sum of the records in front of the first position.
    #[inline(always)]
    fn sum_before(&self, list: &[E], records: &E::Table<u64>) -> u64 {
        list[..self.positions.start].iter().fold(0, |sum, entry| sum.wrapping_add(entry.get(records)))
    }

    /// The best split at these positions of the features at these places, from sums that fit
    /// into a packed word. `before` gives a feature's sum in front of the positions.
    #[inline(always)]
    fn packed(
        &self,
        places: Range<usize>,
        positions: Range<usize>,
        rows: &Rows,
        before: impl Fn(usize) -> u64,
    ) -> Best {
        let records = E::table(&rows.records);
        let step = |sum: &mut u64, entry: E| {
            *sum = sum.wrapping_add(entry.get(records));
            ((*sum >> PACKED) as i64 as f64, (*sum & ((1 << PACKED) - 1)) as i64 as f64)
        };
        self.walk(places, positions, before, step)
    }

    /// The best split at these positions of the feature at this place, from sums of any size.
    fn wide(&self, place: usize, positions: Range<usize>, rows: &Rows) -> Best {
        let list = &self.list(self.features[place])[..positions.start];
        let place = place..place + 1;
        let Some(weights) = &rows.weights else {
            let step = |sum: &mut (u64, u64), entry: E| {
                let [targets, draws] = rows.wide[entry.row()];
                *sum = (sum.0 + targets, sum.1 + draws);
                // Below 2^63, and converted faster with a sign.
                (sum.0 as i64 as f64, sum.1 as i64 as f64)
            };
            let before = || {
                list.iter().fold((0, 0), |sum, entry| {
                    let [targets, draws] = rows.wide[entry.row()];
                    (sum.0 + targets, sum.1 + draws)
                })
            };
            return self.walk(place, positions, |_| before(), step);
        };
        let total = self.sum.weight();
        let step = |sum: &mut (f64, f64), entry: E| {
            let weight = weights[entry.row()];
            *sum = (sum.0 + rows.targets[entry.row()] as f64 * weight, sum.1 + weight);
            (sum.0, below(sum.1, total))
        };
        let before = || {
            let mut sum = (0.0, 0.0);
            for &entry in list {
                step(&mut sum, entry);
            }
            sum
        };
        self.walk(place, positions, |_| before(), step)
    }

    /// Walks along lists. `before` gives the sum in front of the positions; `step` adds an entry
    /// to a sum and gives targets and weight.
    #[inline(always)]
    fn walk<S>(
        &self,
        places: Range<usize>,
        positions: Range<usize>,
        before: impl Fn(usize) -> S,
        step: impl Fn(&mut S, E) -> (f64, f64),
    ) -> Best {
        let total = self.sum.weight();
        let mean = self.sum.targets() / total;
        let mut best = Best::NONE;
        // A score as high as the best has a numerator of `bar` times its denominator or more. The bar
        // is a little low, so that rounding never hides one; what passes is divided.
        let mut bar = -1.0;
        for place in places {
            let list = &self.list(self.features[place])[positions.start..=positions.end];
            let turn = self.turn(place);
            let mut sum = before(place);
            for (i, (entry, next)) in list.iter().zip(&list[1..]).enumerate() {
                let (targets, weight) = step(&mut sum, *entry);
                let difference = targets - weight * mean;
                let squared = difference * difference;
                let product = weight * (total - weight);
                if squared >= bar * product && entry.rank() != next.rank() {
                    let score = squared / product;
                    let place = turn << 32 | (positions.start + i) as u64;
                    best = best.or(Best { score, place });
                    bar = best.score * (1.0 - 1e-15);
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grow::rows::Sum;
    use crate::grow::simd::{Dispatch, Simd};
    use crate::random::Stream;
    use crate::training::{Order, TrainingView, stride};
    use crate::{Matrix, TrainingSet};

    /// Bounds leave the best split in, also where targets differ by little of what they are.
    #[test]
    fn what_is_found_by_bounds_is_the_best_of_all() {
        for case in 0..600 {
            let mut stream = Stream::new(1, case);
            let (n, n_features) = (15 + stream.below_u32(300) as usize, 1 + stream.below_u32(20) as usize);
            let levels = 2 + stream.below_u32(500);
            let x: Vec<f64> = (0..n * n_features).map(|_| f64::from(stream.below_u32(levels))).collect();
            let noise = 0.5f64.powi(stream.below_u32(38) as i32);
            let lowest = -f64::from(stream.below_u32(2));
            let mut y: Vec<f64> = x
                .chunks(n_features)
                .map(|x| x[0] / 500.0 + noise * f64::from(stream.below_u32(1000)))
                .collect();
            y[0] = lowest;
            let set = TrainingSet::new(Matrix::from_rows(&x, n_features).unwrap(), &y).unwrap();
            check(&set.view(), &mut stream);
        }
    }

    fn check(view: &TrainingView<'_>, stream: &mut Stream) {
        let Order::Short(lists) = view.order else { panic!("few rows") };
        let mut rows = Rows::new(view, 1 << 16, true);
        rows.coarse = vec![0; 1 << 16];
        rows.counts = (0..view.n_rows).map(|_| 1 + stream.below_u32(3)).collect();
        rows.record();
        let sum = rows.wide.iter().fold([0, 0], |s, r| [s[0] + r[0], s[1] + r[1]]);
        let least = 1 + stream.below_u32(2) as usize;
        let features: Vec<u32> = (0..view.n_features as u32).rev().collect();
        let node = Search {
            lists,
            stride: stride(view.n_rows),
            n: view.n_rows,
            features: &features,
            drawn: &features,
            turns: &features,
            positions: least - 1..view.n_rows - least,
            sum: Sum::Counted { targets: sum[0], draws: sum[1] },
        };
        let exact = |best: Best, place| best.or(node.wide(place, node.positions.clone(), &rows));
        let expected = node.found((0..features.len()).fold(Best::NONE, exact));
        let mut room = Room::new(view.n_rows);
        for simd in [Simd::detect(false), Simd::detect(true)] {
            // Only sums that fit are packed.
            for packed in [false, sum[1] <= rows.packed_draws] {
                let found = u32::search(simd, &node, &rows, packed, &mut room);
                assert_eq!(found, expected, "{simd:?}, packed: {packed}");
            }
        }
    }
}
