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
use super::search::{BOUNDED, Best, Bounds, Found, Search, below};
pub(super) use divide::divide;
use score::{best_of_all, best_of_one, load};

/// As [`Search::search`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn search(node: &Search<'_, u32>, rows: &Rows, packed: bool, sums: &mut [u64]) -> Option<Found> {
    let third = sums.len() / 3;
    let (now, rest) = sums.split_at_mut(third);
    let (next, kept) = rest.split_at_mut(third);
    let best = if rows.weights.is_some() {
        let places = 0..node.features.len();
        places.map(|place| exact_wide(node, place, rows, now, next)).fold(Best::NONE, Best::or)
    } else if packed && node.positions.len() < BOUNDED {
        best_of_all(node, u32::table(&rows.records))
    } else if packed {
        let records = u32::table(&rows.records);
        search_bounded::<PACKED>(node, records, [now, next, kept], 0, |place, kept, now, _| {
            exact_packed(node, place, records, kept, now)
        })
    } else {
        let coarse = u32::table(&rows.coarse);
        search_bounded::<COARSE>(node, coarse, [now, next, kept], rows.cut, |place, _, now, next| {
            exact_wide(node, place, rows, now, next)
        })
    };
    node.found(best)
}

/// Features whose bounds are kept at a time.
const CHUNK: usize = 64;

/// Bounds the scores of every feature; scores the positions of those that can be the best.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn search_bounded<'s, const BITS: u32>(
    node: &Search<'_, u32>,
    records: &[u64; 1 << 16],
    [mut now, mut next, mut kept]: [&'s mut [u64]; 3],
    cut: u32,
    exact: impl Fn(usize, Option<&[u64]>, &mut [u64], &mut [u64]) -> Best,
) -> Best {
    let mut best = Best::NONE;
    let bounds = Bounds::new::<BITS>(node, cut);
    for first in (0..node.features.len()).step_by(CHUNK) {
        let features = &node.features[first..node.features.len().min(first + CHUNK)];
        let mut highest = [0.0; CHUNK];
        let mut top = 0;
        node.add_up(features[0], records, now);
        let mut top_bound = -1.0;
        for (i, highest) in highest[..features.len()].iter_mut().enumerate() {
            if let Some(&following) = features.get(i + 1) {
                node.add_up(following, records, next);
            }
            *highest = bound::<BITS>(node, bounds, now);
            if *highest > top_bound {
                (top, top_bound) = (i, *highest);
                std::mem::swap(&mut now, &mut kept);
            }
            std::mem::swap(&mut now, &mut next);
        }
        // The most promising first; the others only if they can be as good.
        best = best.or(exact(first + top, Some(kept), now, next));
        for (i, &highest) in highest[..features.len()].iter().enumerate() {
            if highest >= best.score && i != top {
                best = best.or(exact(first + i, None, now, next));
            }
        }
    }
    best
}

/// The best position of one feature, from packed sums, which may be there already.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn exact_packed(
    node: &Search<'_, u32>,
    place: usize,
    records: &[u64; 1 << 16],
    kept: Option<&[u64]>,
    sums: &mut [u64],
) -> Best {
    let sums = match kept {
        Some(kept) => kept,
        None => {
            node.add_up(node.features[place], records, sums);
            sums
        }
    };
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

/// No score along these sums is above this. There are at least 8 positions.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn bound<const BITS: u32>(node: &Search<'_, u32>, bounds: Bounds, sums: &[u64]) -> f64 {
    let draws = _mm256_set1_epi32((1 << BITS) - 1);
    let sign = _mm256_set1_ps(-0.0);
    let (total, mean) = (_mm256_set1_ps(bounds.total), _mm256_set1_ps(bounds.mean));
    let slack = _mm256_set1_ps(bounds.slack);
    let mut highest = _mm256_setzero_ps();
    let sums = &sums[node.positions.clone()];
    let (eights, _) = sums.as_chunks::<8>();
    for eight in eights.iter().chain(sums.last_chunk()) {
        let low = _mm256_castsi256_ps(load(eight[..4].try_into().expect("four")));
        let high = _mm256_castsi256_ps(load(eight[4..].try_into().expect("four")));
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
    let half = _mm_max_ps(_mm256_castps256_ps128(highest), _mm256_extractf128_ps::<1>(highest));
    let half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    let one = _mm_max_ss(half, _mm_shuffle_ps::<1>(half, half));
    f64::from(_mm_cvtss_f32(one)) * bounds.square
}
