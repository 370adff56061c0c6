//! The same search and the same division with AVX2, for lists of 32-bit entries.
//!
//! Every operation on numbers is the one of the portable path, rounded the same way and on
//! the same numbers; only several positions are looked at in one go. The results are the
//! same bits.

mod divide;
mod score;

use std::arch::x86_64::*;
use std::ops::Range;

use super::bounds::{BLOCK, BOUNDED, Block, Bounds, FEATURES, Room, best_of_blocks};
use super::entry::Entry;
use super::node::{Best, Found, Search, below};
use super::rows::{COARSE, PACKED, Rows};
pub(super) use divide::divide;
use score::{OneFeature, best_of_all, gather};

/// As [`Search::search`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn search(node: &Search<'_, u32>, rows: &Rows, packed: bool, room: &mut Room) -> Option<Found> {
    let best = if rows.weights.is_some() {
        let places = 0..node.features.len();
        places.map(|place| exact_wide(node, place, node.positions.clone(), rows)).fold(Best::NONE, Best::or)
    } else if packed && node.positions.len() < BOUNDED {
        best_of_all(node, u32::table(&rows.records))
    } else if packed {
        let records = u32::table(&rows.records);
        search_bounded::<PACKED>(node, records, 0, &mut room.blocks, |place, part, before| {
            exact_packed(node, place, part, before, records)
        })
    } else {
        let coarse = u32::table(&rows.coarse);
        search_bounded::<COARSE>(node, coarse, rows.cut, &mut room.blocks, |place, part, _| {
            exact_wide(node, place, part, rows)
        })
    };
    node.found(best)
}

/// Bounds the scores of every feature; scores the positions of those blocks that can have the best.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn search_bounded<const BITS: u32>(
    node: &Search<'_, u32>,
    records: &[u64; 1 << 16],
    cut: u32,
    blocks: &mut [Block],
    exact: impl Fn(usize, Range<usize>, u64) -> Best,
) -> Best {
    let mut best = Best::NONE;
    let bounds = Bounds::new(node, BITS, cut);
    let blocks = &mut blocks[..node.positions.len().div_ceil(BLOCK)];
    for (chunk, features) in node.features.chunks(FEATURES).enumerate() {
        bound_eight::<BITS>(node, bounds, records, features, blocks);
        best = best_of_blocks(best, blocks, features.len(), &bounds, |lane, i| {
            exact(chunk * FEATURES + lane, node.block(i), blocks[i].before[lane])
        });
    }
    best
}

/// The best of some positions of one feature, at most a block, from packed sums; `before` is the
/// sum in front of them.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn exact_packed(
    node: &Search<'_, u32>,
    place: usize,
    positions: Range<usize>,
    before: u64,
    records: &[u64; 1 << 16],
) -> Best {
    let mut sums = [0; BLOCK];
    let mut sum = before;
    // Up to three entries more than there are positions: whole fours.
    let list = &node.list(node.features[place])[positions.start..];
    for (entry, out) in list[..positions.len().next_multiple_of(4)].iter().zip(&mut sums) {
        sum = sum.wrapping_add(entry.get(records));
        *out = sum;
    }
    let mut scorer = OneFeature::new(node, place);
    scorer.score::<true>(positions, &sums, &sums);
    scorer.best()
}

/// Scores some positions of a list; `sums` adds an entry, and gives the targets and weights up to it.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn walk(
    scorer: &mut OneFeature<'_>,
    list: &[u32],
    positions: Range<usize>,
    mut sums: impl FnMut(u32) -> (f64, f64),
) {
    for &entry in &list[..positions.start] {
        sums(entry);
    }
    let (mut targets, mut weights) = ([0u64; BLOCK], [0u64; BLOCK]);
    for start in positions.clone().step_by(BLOCK) {
        let part = start..positions.end.min(start + BLOCK);
        for (&entry, (targets, weights)) in
            list[part.clone()].iter().zip(targets.iter_mut().zip(&mut weights))
        {
            let (t, w) = sums(entry);
            (*targets, *weights) = (t.to_bits(), w.to_bits());
        }
        scorer.score::<false>(part, &targets, &weights);
    }
}

/// The best of some positions of one feature, from sums of any size.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn exact_wide(node: &Search<'_, u32>, place: usize, positions: Range<usize>, rows: &Rows) -> Best {
    let list = &node.list(node.features[place])[..node.n];
    let mut scorer = OneFeature::new(node, place);
    match &rows.weights {
        None => {
            let mut sum = (0u64, 0u64);
            walk(&mut scorer, list, positions, |entry| {
                let [targets, draws] = rows.wide[entry.row()];
                sum = (sum.0 + targets, sum.1 + draws);
                // Below 2^63, and converted faster with a sign.
                (sum.0 as i64 as f64, sum.1 as i64 as f64)
            });
        }
        Some(row_weights) => {
            let mut sum = (0.0, 0.0);
            walk(&mut scorer, list, positions, |entry| {
                let weight = row_weights[entry.row()];
                sum = (sum.0 + rows.targets[entry.row()] as f64 * weight, sum.1 + weight);
                (sum.0, below(sum.1, node.sum.weight()))
            });
        }
    }
    scorer.best()
}

/// For each of up to eight features, and each block of positions, what no score is above. Each
/// lane walks along another list.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn bound_eight<const BITS: u32>(
    node: &Search<'_, u32>,
    bounds: Bounds,
    records: &[u64; 1 << 16],
    features: &[u32],
    blocks: &mut [Block],
) {
    // Lanes that are left over walk along the last list once more.
    let last = features.len() - 1;
    let (start, end) = (node.positions.start, node.positions.end);
    let list = |i: usize| node.list(features[i.min(last)]);
    // One by one, so that the compiler sees that all are as long as the loop.
    let (a, b, c, d) = (&list(0)[..end], &list(1)[..end], &list(2)[..end], &list(3)[..end]);
    let (e, f, g, h) = (&list(4)[..end], &list(5)[..end], &list(6)[..end], &list(7)[..end]);
    let draws = _mm256_set1_epi32((1 << BITS) - 1);
    let sign = _mm256_set1_ps(-0.0);
    let (total, mean) = (_mm256_set1_ps(bounds.total), _mm256_set1_ps(bounds.mean));
    let slack = _mm256_set1_ps(bounds.slack);
    let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for at in 0..start {
        low = _mm256_add_epi64(low, gather(records, a[at], b[at], e[at], f[at]));
        high = _mm256_add_epi64(high, gather(records, c[at], d[at], g[at], h[at]));
    }
    let mut from = start;
    for block in blocks {
        let to = end.min(from + BLOCK);
        store(&mut block.before, low, high);
        let mut highest = _mm256_setzero_ps();
        for at in from..to {
            // Such that the halves of all sums come out in order.
            low = _mm256_add_epi64(low, gather(records, a[at], b[at], e[at], f[at]));
            high = _mm256_add_epi64(high, gather(records, c[at], d[at], g[at], h[at]));
            let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
            let targets = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
            let weights = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
            let targets = _mm256_cvtepi32_ps(targets);
            let weights = _mm256_cvtepi32_ps(_mm256_and_si256(weights, draws));
            let difference = _mm256_sub_ps(targets, _mm256_mul_ps(weights, mean));
            let difference = _mm256_add_ps(_mm256_andnot_ps(sign, difference), slack);
            let product = _mm256_mul_ps(weights, _mm256_sub_ps(total, weights));
            let score = _mm256_div_ps(_mm256_mul_ps(difference, difference), product);
            highest = _mm256_max_ps(highest, score);
        }
        // SAFETY: the array has room for the eight lanes; the store needs no alignment.
        unsafe { _mm256_storeu_ps(block.highest.as_mut_ptr(), highest) };
        from = to;
    }
}

/// Writes the sums of eight features, which lie as [`bound_eight`] gathers them.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn store(sums: &mut [u64; 8], low: __m256i, high: __m256i) {
    let first = _mm256_permute2x128_si256::<0x20>(low, high);
    let second = _mm256_permute2x128_si256::<0x31>(low, high);
    // SAFETY: each half of the array has room for the four lanes; the stores need no alignment.
    unsafe {
        _mm256_storeu_si256(sums[..4].as_mut_ptr().cast(), first);
        _mm256_storeu_si256(sums[4..].as_mut_ptr().cast(), second);
    }
}
