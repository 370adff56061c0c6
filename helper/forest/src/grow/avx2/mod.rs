//! The same search and the same division with AVX2, for lists of 32-bit entries.
//!
//! Every operation on numbers is the one of the portable path, rounded the same way and on
//! the same numbers; only several positions are looked at in one go. The results are the
//! same bits.

mod divide;
mod score;

use std::arch::x86_64::*;

use super::entry::Entry;
use super::rows::{COARSE, PACKED, Rows};
use super::search::{BOUNDED, Best, Bounds, CHUNK, Found, Search, below, best_of_bounded};
pub(super) use divide::divide;
use score::{best_of_all, best_of_one, gather};

/// As [`Search::search`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn search(node: &Search<'_, u32>, rows: &Rows, packed: bool, sums: &mut [u64]) -> Option<Found> {
    let half = sums.len() / 2;
    let (targets, weights) = sums.split_at_mut(half);
    let best = if rows.weights.is_some() {
        let places = 0..node.features.len();
        places.map(|place| exact_wide(node, place, rows, targets, weights)).fold(Best::NONE, Best::or)
    } else if packed && node.positions.len() < BOUNDED {
        best_of_all(node, u32::table(&rows.records))
    } else if packed {
        let records = u32::table(&rows.records);
        search_bounded::<PACKED>(node, records, 0, |place| exact_packed(node, place, records, targets))
    } else {
        let coarse = u32::table(&rows.coarse);
        let exact = |place| exact_wide(node, place, rows, targets, weights);
        search_bounded::<COARSE>(node, coarse, rows.cut, exact)
    };
    node.found(best)
}

/// Bounds the scores of every feature; scores the positions of those that can be the best.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn search_bounded<const BITS: u32>(
    node: &Search<'_, u32>,
    records: &[u64; 1 << 16],
    cut: u32,
    mut exact: impl FnMut(usize) -> Best,
) -> Best {
    let mut best = Best::NONE;
    let bounds = Bounds::new(node, BITS, cut);
    for (chunk, features) in node.features.chunks(CHUNK).enumerate() {
        let mut highest = [0.0; CHUNK];
        for (features, highest) in features.chunks(8).zip(highest.as_chunks_mut().0) {
            *highest = bound_eight::<BITS>(node, bounds, records, features);
        }
        best = best_of_bounded(best, &highest[..features.len()], |i| exact(chunk * CHUNK + i));
    }
    best
}

/// The best position of one feature, from packed sums.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn exact_packed(node: &Search<'_, u32>, place: usize, records: &[u64; 1 << 16], sums: &mut [u64]) -> Best {
    node.add_up(node.features[place], records, sums);
    best_of_one::<true>(node, place, sums, sums)
}

/// The best position of one feature, from sums of any size.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn exact_wide(
    node: &Search<'_, u32>,
    place: usize,
    rows: &Rows,
    targets: &mut [u64],
    weights: &mut [u64],
) -> Best {
    let out = targets.iter_mut().zip(weights.iter_mut());
    let list = &node.list(node.features[place])[..node.n];
    match &rows.weights {
        None => {
            let mut sum = (0u64, 0u64);
            for (entry, out) in list.iter().zip(out) {
                let [targets, draws] = rows.wide[entry.row()];
                sum.0 += targets;
                sum.1 += draws;
                // Below 2^63, and converted faster with a sign.
                *out.0 = (sum.0 as i64 as f64).to_bits();
                *out.1 = (sum.1 as i64 as f64).to_bits();
            }
        }
        Some(row_weights) => {
            let mut sum = (0.0, 0.0);
            for (entry, out) in list.iter().zip(out) {
                let weight = row_weights[entry.row()];
                sum.0 += rows.targets[entry.row()] as f64 * weight;
                sum.1 += weight;
                *out.0 = f64::to_bits(sum.0);
                *out.1 = below(sum.1, node.sum.weight()).to_bits();
            }
        }
    }
    best_of_one::<false>(node, place, targets, weights)
}

/// For each of up to eight features, what no score along its list is above. Each lane walks
/// along another list.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn bound_eight<const BITS: u32>(
    node: &Search<'_, u32>,
    bounds: Bounds,
    records: &[u64; 1 << 16],
    features: &[u32],
) -> [f64; 8] {
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
    let mut highest = _mm256_setzero_ps();
    let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for at in 0..end {
        // Such that the halves of all sums come out in order.
        low = _mm256_add_epi64(low, gather(records, a[at], b[at], e[at], f[at]));
        high = _mm256_add_epi64(high, gather(records, c[at], d[at], g[at], h[at]));
        if at < start {
            continue;
        }
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
    let mut lanes = [0.0f32; 8];
    // SAFETY: the array has room for the eight lanes; the store needs no alignment.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), highest) };
    lanes.map(|lane| f64::from(lane) * bounds.square)
}
