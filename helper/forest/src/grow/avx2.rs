//! The same search and the same division with AVX2, for lists of 32-bit entries.
//!
//! Every operation on numbers is the one of the portable path, rounded the same way and on
//! the same numbers; only several positions are looked at in one go. The results are the
//! same bits.

use std::arch::x86_64::*;

use super::entry::Entry;
use super::partition::{Keep, Lists};
use super::rows::{COARSE, PACKED, Rows};
use super::search::{BOUNDED, Best, Bounds, Found, Search, below};

/// The best splits that each of four lanes has seen: scores, and features' places in the
/// order of drawing (upper half) with positions (lower half).
#[derive(Clone, Copy)]
struct Lanes {
    scores: __m256d,
    places: __m256i,
}

/// Sums in front of four positions, from the first on.
#[derive(Clone, Copy)]
struct Node {
    mean: __m256d,
    total: __m256d,
}

/// As [`Search::packed`] or [`Search::wide`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn search(node: &Search<'_, u32>, rows: &Rows, packed: bool, sums: &mut [u64]) -> Option<Found> {
    let half = sums.len() / 2;
    let (now, next) = sums.split_at_mut(half);
    let best = if rows.weights.is_some() {
        let places = 0..node.features.len();
        places.map(|place| exact_wide(node, place, rows, now, next)).fold(Best::NONE, Best::or)
    } else if packed && node.positions.len() < BOUNDED {
        search_small(node, u32::table(&rows.records), now, next)
    } else if packed {
        let records = u32::table(&rows.records);
        search_bounded::<PACKED>(node, records, now, next, 0, |place, now, _| {
            exact_packed(node, place, records, now)
        })
    } else {
        let coarse = u32::table(&rows.coarse);
        search_bounded::<COARSE>(node, coarse, now, next, rows.cut, |place, now, next| {
            exact_wide(node, place, rows, now, next)
        })
    };
    node.found(best)
}

/// Features whose bounds are kept at a time.
const CHUNK: usize = 64;

/// Scores every position of every feature.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn search_small<'s>(
    node: &Search<'_, u32>,
    records: &[u64; 1 << 16],
    mut now: &'s mut [u64],
    mut next: &'s mut [u64],
) -> Best {
    let constants = constants(node);
    let mut best = no_best();
    // The sums along a list are written one list ahead of their use: reading several at once
    // just after they were written one by one would stall.
    let Some(&first) = node.features.first() else {
        return Best::NONE;
    };
    add_up(node, first, records, now);
    for place in 0..node.features.len() {
        if let Some(&following) = node.features.get(place + 1) {
            add_up(node, following, records, next);
        }
        best = scan::<true>(node, place, constants, best, now, now);
        std::mem::swap(&mut now, &mut next);
    }
    single(best)
}

/// Bounds the scores of every feature; scores the positions of those that can be the best.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn search_bounded<'s, const BITS: u32>(
    node: &Search<'_, u32>,
    records: &[u64; 1 << 16],
    mut now: &'s mut [u64],
    mut next: &'s mut [u64],
    cut: u32,
    exact: impl Fn(usize, &mut [u64], &mut [u64]) -> Best,
) -> Best {
    let mut best = Best::NONE;
    let bounds = Bounds::new::<BITS>(node, cut);
    for first in (0..node.features.len()).step_by(CHUNK) {
        let features = &node.features[first..node.features.len().min(first + CHUNK)];
        let mut highest = [0.0; CHUNK];
        let mut top = 0;
        add_up(node, features[0], records, now);
        let mut top_bound = -1.0;
        for (i, highest) in highest[..features.len()].iter_mut().enumerate() {
            if let Some(&following) = features.get(i + 1) {
                add_up(node, following, records, next);
            }
            *highest = bound::<BITS>(node, bounds, now);
            if *highest > top_bound {
                (top, top_bound) = (i, *highest);
            }
            std::mem::swap(&mut now, &mut next);
        }
        // The most promising first; the others only if they can be as good.
        best = best.or(exact(first + top, now, next));
        for (i, &highest) in highest[..features.len()].iter().enumerate() {
            if highest >= best.score && i != top {
                best = best.or(exact(first + i, now, next));
            }
        }
    }
    best
}

/// Writes the sums along a feature's list.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn add_up(node: &Search<'_, u32>, feature: u32, records: &[u64; 1 << 16], sums: &mut [u64]) {
    let mut sum = 0u64;
    for (entry, out) in node.list(feature)[..node.n].iter().zip(sums) {
        sum = sum.wrapping_add(entry.get(records));
        *out = sum;
    }
}

/// The best position of one feature, from packed sums.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn exact_packed(node: &Search<'_, u32>, place: usize, records: &[u64; 1 << 16], sums: &mut [u64]) -> Best {
    add_up(node, node.features[place], records, sums);
    single(scan::<true>(node, place, constants(node), no_best(), sums, sums))
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
    single(scan::<false>(node, place, constants(node), no_best(), targets, weights))
}

/// The elements of the positions to look at, in fours, the last ones perhaps of no position.
#[inline]
fn fours<'a, T>(node: &Search<'_, u32>, elements: &'a [T]) -> &'a [[T; 4]] {
    let padded = node.positions.len().next_multiple_of(4);
    elements[node.positions.start..][..padded].as_chunks().0
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

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn constants(node: &Search<'_, u32>) -> Node {
    let total = node.sum.weight();
    let mean = node.sum.targets() / total;
    Node { mean: _mm256_set1_pd(mean), total: _mm256_set1_pd(total) }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn no_best() -> Lanes {
    Lanes { scores: _mm256_set1_pd(-1.0), places: _mm256_set1_epi64x(i64::MAX) }
}

/// Scores four positions at a time. The sums are packed, both in `targets`, or numbers.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn scan<const PACKED_SUMS: bool>(
    node: &Search<'_, u32>,
    place: usize,
    constants: Node,
    mut best: Lanes,
    targets: &[u64],
    weights: &[u64],
) -> Lanes {
    let list = node.list(node.features[place]);
    let entries = fours(node, list).iter().zip(fours(node, &list[1..]));
    let sums = fours(node, targets).iter().zip(fours(node, weights));
    let place = (place as i64) << 32;
    let end = _mm256_set1_epi64x(place + node.positions.end as i64);
    let four = _mm256_set1_epi64x(4);
    let same_rank = _mm256_set1_epi64x(0xffff);
    let first = _mm256_set1_epi64x(place + node.positions.start as i64);
    let mut places = _mm256_add_epi64(first, _mm256_setr_epi64x(0, 1, 2, 3));
    let magic = _mm256_set1_epi64x(0x4330 << 48);
    let draws = _mm256_set1_epi64x((1 << PACKED) - 1);
    for ((entries, following), (targets, weights)) in entries.zip(sums) {
        let (targets, weights) = if PACKED_SUMS {
            let sums = load(targets);
            // A whole number below 2^52 under the exponent of 2^52 is that number above 2^52.
            let targets = _mm256_or_si256(_mm256_srli_epi64::<{ PACKED as i32 }>(sums), magic);
            let weights = _mm256_or_si256(_mm256_and_si256(sums, draws), magic);
            let magic = _mm256_castsi256_pd(magic);
            (
                _mm256_sub_pd(_mm256_castsi256_pd(targets), magic),
                _mm256_sub_pd(_mm256_castsi256_pd(weights), magic),
            )
        } else {
            (_mm256_castsi256_pd(load(targets)), _mm256_castsi256_pd(load(weights)))
        };
        let difference = _mm256_sub_pd(targets, _mm256_mul_pd(weights, constants.mean));
        let squared = _mm256_mul_pd(difference, difference);
        let product = _mm256_mul_pd(weights, _mm256_sub_pd(constants.total, weights));
        let scores = _mm256_div_pd(squared, product);
        // A position may be split at if the next entry has another rank.
        let entries = _mm256_cvtepu32_epi64(load_half(entries));
        let following = _mm256_cvtepu32_epi64(load_half(following));
        let differs = _mm256_cmpgt_epi64(_mm256_xor_si256(entries, following), same_rank);
        let valid = _mm256_and_si256(differs, _mm256_cmpgt_epi64(end, places));
        let better =
            _mm256_and_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(scores, best.scores), _mm256_castsi256_pd(valid));
        best.scores = _mm256_blendv_pd(best.scores, scores, better);
        best.places = _mm256_castpd_si256(_mm256_blendv_pd(
            _mm256_castsi256_pd(best.places),
            _mm256_castsi256_pd(places),
            better,
        ));
        places = _mm256_add_epi64(places, four);
    }
    best
}

/// The best split of all lanes.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn single(best: Lanes) -> Best {
    let mut scores = [0.0; 4];
    let mut places = [0u64; 4];
    // SAFETY: each array has room for the four lanes; the stores need no alignment.
    unsafe {
        _mm256_storeu_pd(scores.as_mut_ptr(), best.scores);
        _mm256_storeu_si256(places.as_mut_ptr().cast(), best.places);
    }
    let lane = |i: usize| Best { score: scores[i], place: places[i] };
    lane(0).or(lane(1)).or(lane(2).or(lane(3)))
}

/// As [`partition::divide`](super::partition::divide).
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn divide(lists: Lists<'_, u32>, left: &[u8; 1 << 16], keep: Keep, spare: &mut [u32]) {
    let n = lists.n;
    for (i, list) in lists.all.chunks_exact_mut(lists.stride).enumerate() {
        if Some(i) != lists.skip {
            divide_one(&mut list[lists.at..], n, left, keep, spare);
        }
    }
}

/// Divides the first `n` entries of a list. It has 8 more, which stay as they are.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn divide_one(list: &mut [u32], n: usize, left: &[u8; 1 << 16], keep: Keep, spare: &mut [u32]) {
    let list = &mut list[..n + 8];
    let behind = load8(list[n..].first_chunk().expect("eight"));
    // A last block that is not full also moves some of what is behind the list, to behind
    // what is used, so that it need not be told apart.
    match keep {
        Keep::Left => sift::<true, false>(list, n, left, spare),
        Keep::Right => sift::<false, true>(list, n, left, spare),
        Keep::Both { n_left } => {
            let spare = &mut spare[..n + 8];
            sift::<true, true>(list, n, left, spare);
            let (from, _) = spare[..(n - n_left).next_multiple_of(8)].as_chunks::<8>();
            let (to, _) = list[n_left..][..from.len() * 8].as_chunks_mut::<8>();
            for (to, from) in to.iter_mut().zip(from) {
                store8(to, load8(from));
            }
        }
    }
    store8(list[n..].first_chunk_mut().expect("eight"), behind);
}

/// Moves the entries that go left, or right, to the front of the list; if both, those that go
/// right to the front of `spare`.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn sift<const LEFT: bool, const RIGHT: bool>(
    list: &mut [u32],
    n: usize,
    left: &[u8; 1 << 16],
    spare: &mut [u32],
) {
    assert!(n + 8 <= list.len() && n + 8 <= spare.len());
    let mut to_left = 0;
    for at in (0..n).step_by(8) {
        let block: &[u32; 8] = list[at..].first_chunk().expect("8 more than n");
        let &[a, b, c, d, e, f, g, h] = block;
        let low = [a.get(left), b.get(left), c.get(left), d.get(left)].map(u8::cast_signed);
        let high = [e.get(left), f.get(left), g.get(left), h.get(left)].map(u8::cast_signed);
        let ([a, b, c, d], [e, f, g, h]) = (low, high);
        let marks = _mm_setr_epi8(a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0);
        let lefts = _mm_movemask_epi8(marks) as usize;
        let entries = load8(block);
        let to_right = at - to_left;
        // SAFETY: at most as many entries were moved left, or right, as were read, so both
        // places are at most `at`, which is below n; the lists have 8 more than n.
        unsafe {
            if LEFT {
                let to = list.get_unchecked_mut(to_left..to_left + 8);
                store8(to.first_chunk_mut().unwrap_unchecked(), compress(entries, lefts));
            }
            if RIGHT {
                let to = if LEFT { &mut *spare } else { &mut *list };
                let to = to.get_unchecked_mut(to_right..to_right + 8);
                store8(to.first_chunk_mut().unwrap_unchecked(), compress(entries, !lefts));
            }
        }
        to_left += lefts.count_ones() as usize;
    }
}

/// Moves the entries whose bits are set to the front.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn compress(entries: __m256i, bits: usize) -> __m256i {
    let lanes = _mm_cvtsi64_si128(LANES[bits & 0xff] as i64);
    _mm256_permutevar8x32_epi32(entries, _mm256_cvtepu8_epi32(lanes))
}

/// For each set of 8 bits, the positions of its bits, one in each byte.
static LANES: [u64; 256] = {
    let mut lanes = [0; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut bit, mut found) = (0, 0);
        while bit < 8 {
            if bits >> bit & 1 == 1 {
                lanes[bits] |= bit << (8 * found);
                found += 1;
            }
            bit += 1;
        }
        bits += 1;
    }
    lanes
};

/// Four words.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load(words: &[u64; 4]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array; the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Four entries.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load_half(entries: &[u32; 4]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array; the load needs no alignment.
    unsafe { _mm_loadu_si128(entries.as_ptr().cast()) }
}

/// Eight entries.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load8(entries: &[u32; 8]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array; the load needs no alignment.
    unsafe { _mm256_loadu_si256(entries.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn store8(entries: &mut [u32; 8], values: __m256i) {
    // SAFETY: writes the 32 bytes of the array; the store needs no alignment.
    unsafe { _mm256_storeu_si256(entries.as_mut_ptr().cast(), values) }
}
