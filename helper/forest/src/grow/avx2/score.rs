//! Scoring splits exactly, four at a time.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::bounds::{BLOCK, FEATURES};
use super::super::entry::Entry;
use super::super::node::{Best, Search};
use super::super::rows::PACKED;

/// The best splits that each of four lanes has seen: scores, and features' places in the
/// order of drawing (upper half) with positions (lower half).
#[derive(Clone, Copy)]
struct Lanes {
    scores: __m256d,
    places: __m256i,
}

/// What scoring takes of a node.
#[derive(Clone, Copy)]
struct Node {
    mean: __m256d,
    total: __m256d,
}

/// The best split of all features, from packed sums. Each lane walks along another list: best
/// for short ones.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn best_of_all(node: &Search<'_, u32>, records: &[u64; 1 << 16]) -> Best {
    let mut best = no_best();
    for first in (0..node.features.len()).step_by(FEATURES) {
        let of_these = if node.features.len() - first > 4 {
            best_of_lanes::<true>(node, first, records)
        } else {
            best_of_lanes::<false>(node, first, records)
        };
        best = either(best, of_these);
    }
    single(best)
}

/// The best split of up to four features, or eight, from the one at that place on.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn best_of_lanes<const EIGHT: bool>(node: &Search<'_, u32>, first: usize, records: &[u64; 1 << 16]) -> Lanes {
    // Lanes that are left over walk along the last list once more.
    let last = node.features.len() - 1;
    let place = |i: usize| (first + i).min(last);
    let (start, end) = (node.positions.start, node.positions.end);
    let list = |i: usize| node.list(node.features[place(i)]);
    // One by one, so that the compiler sees that all are as long as the loop.
    let (a, b, c, d) = (&list(0)[..=end], &list(1)[..=end], &list(2)[..=end], &list(3)[..=end]);
    let (e, f, g, h) = (&list(4)[..=end], &list(5)[..=end], &list(6)[..=end], &list(7)[..=end]);
    let four = |a: u32, b: u32, c: u32, d: u32| {
        _mm_setr_epi32(a.cast_signed(), b.cast_signed(), c.cast_signed(), d.cast_signed())
    };
    let places = |[p, q, r, s]: [usize; 4]| {
        let place = |i: usize| ((node.turn(place(i)) as i64) << 32) + start as i64;
        _mm256_setr_epi64x(place(p), place(q), place(r), place(s))
    };
    let constants = constants(node);
    let (mut low_places, mut high_places) = (places([0, 1, 2, 3]), places([4, 5, 6, 7]));
    let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    let (mut best_low, mut best_high) = (no_best(), no_best());
    for at in 0..start {
        low = _mm256_add_epi64(low, gather(records, a[at], b[at], c[at], d[at]));
        high = _mm256_add_epi64(high, gather(records, e[at], f[at], g[at], h[at]));
    }
    let mut low_entries = four(a[start], b[start], c[start], d[start]);
    let mut high_entries = four(e[start], f[start], g[start], h[start]);
    for at in start..end {
        low = _mm256_add_epi64(low, gather(records, a[at], b[at], c[at], d[at]));
        let (targets, weights) = numbers(low);
        let following = four(a[at + 1], b[at + 1], c[at + 1], d[at + 1]);
        let valid = differ(low_entries, following);
        best_low = improve(best_low, low_places, targets, weights, constants, valid);
        low_places = _mm256_add_epi64(low_places, _mm256_set1_epi64x(1));
        low_entries = following;
        if EIGHT {
            high = _mm256_add_epi64(high, gather(records, e[at], f[at], g[at], h[at]));
            let (targets, weights) = numbers(high);
            let following = four(e[at + 1], f[at + 1], g[at + 1], h[at + 1]);
            let valid = differ(high_entries, following);
            best_high = improve(best_high, high_places, targets, weights, constants, valid);
            high_places = _mm256_add_epi64(high_places, _mm256_set1_epi64x(1));
            high_entries = following;
        }
    }
    either(best_low, best_high)
}

/// In each lane the better split, as [`Best::or`].
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn either(a: Lanes, b: Lanes) -> Lanes {
    let higher = _mm256_cmp_pd::<_CMP_GT_OQ>(b.scores, a.scores);
    let equal = _mm256_cmp_pd::<_CMP_EQ_OQ>(b.scores, a.scores);
    let first = _mm256_castsi256_pd(_mm256_cmpgt_epi64(a.places, b.places));
    let other = _mm256_or_pd(higher, _mm256_and_pd(equal, first));
    let (a_places, b_places) = (_mm256_castsi256_pd(a.places), _mm256_castsi256_pd(b.places));
    Lanes {
        scores: _mm256_blendv_pd(a.scores, b.scores, other),
        places: _mm256_castpd_si256(_mm256_blendv_pd(a_places, b_places, other)),
    }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn gather(records: &[u64; 1 << 16], a: u32, b: u32, c: u32, d: u32) -> __m256i {
    // As numbers, because two of those are loaded into one register with one instruction less.
    let record = |entry: u32| f64::from_bits(entry.get(records));
    _mm256_castpd_si256(_mm256_setr_pd(record(a), record(b), record(c), record(d)))
}

/// Targets and weights from packed sums.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn numbers(sums: __m256i) -> (__m256d, __m256d) {
    // A whole number below 2^52 under the exponent of 2^52 is that number above 2^52.
    let magic = _mm256_set1_epi64x(0x4330 << 48);
    let draws = _mm256_set1_epi64x((1 << PACKED) - 1);
    let targets = _mm256_or_si256(_mm256_srli_epi64::<{ PACKED as i32 }>(sums), magic);
    let weights = _mm256_or_si256(_mm256_and_si256(sums, draws), magic);
    let magic = _mm256_castsi256_pd(magic);
    (_mm256_sub_pd(_mm256_castsi256_pd(targets), magic), _mm256_sub_pd(_mm256_castsi256_pd(weights), magic))
}

/// Whether entries and those that follow them have other ranks, so that they can be parted.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn differ(entries: __m128i, following: __m128i) -> __m256i {
    let difference = _mm256_cvtepu32_epi64(_mm_xor_si128(entries, following));
    _mm256_cmpgt_epi64(difference, _mm256_set1_epi64x(0xffff))
}

/// Scores four splits and keeps, in each lane, the better of the best and this one.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn improve(
    best: Lanes,
    places: __m256i,
    targets: __m256d,
    weights: __m256d,
    node: Node,
    valid: __m256i,
) -> Lanes {
    let difference = _mm256_sub_pd(targets, _mm256_mul_pd(weights, node.mean));
    let squared = _mm256_mul_pd(difference, difference);
    let product = _mm256_mul_pd(weights, _mm256_sub_pd(node.total, weights));
    let scores = _mm256_div_pd(squared, product);
    let better = _mm256_cmp_pd::<_CMP_GT_OQ>(scores, best.scores);
    let better = _mm256_and_pd(better, _mm256_castsi256_pd(valid));
    let best_places = _mm256_castsi256_pd(best.places);
    let places = _mm256_blendv_pd(best_places, _mm256_castsi256_pd(places), better);
    Lanes { scores: _mm256_blendv_pd(best.scores, scores, better), places: _mm256_castpd_si256(places) }
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

/// Looks for the best split of one feature, four positions at a time.
pub(super) struct OneFeature<'a> {
    list: &'a [u32],
    place: i64,
    node: Node,
    best: Lanes,
}

impl<'a> OneFeature<'a> {
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    pub(super) fn new(node: &Search<'a, u32>, place: usize) -> Self {
        let list = node.list(node.features[place]);
        OneFeature { list, place: (node.turn(place) as i64) << 32, node: constants(node), best: no_best() }
    }

    /// Scores up to a block of positions. The sums at them are packed, both in `targets`, or
    /// numbers.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    pub(super) fn score<const PACKED_SUMS: bool>(
        &mut self,
        positions: Range<usize>,
        targets: &[u64; BLOCK],
        weights: &[u64; BLOCK],
    ) {
        let list = &self.list[positions.start..];
        let fours = positions.len().div_ceil(4);
        let entries = list[..4 * fours].as_chunks().0.iter().zip(list[1..][..4 * fours].as_chunks().0);
        let sums = targets.as_chunks().0.iter().zip(weights.as_chunks().0);
        let end = _mm256_set1_epi64x(self.place + positions.end as i64);
        let first = _mm256_set1_epi64x(self.place + positions.start as i64);
        let mut places = _mm256_add_epi64(first, _mm256_setr_epi64x(0, 1, 2, 3));
        for ((entries, following), (targets, weights)) in entries.zip(sums) {
            let (targets, weights) = if PACKED_SUMS {
                numbers(load(targets))
            } else {
                (_mm256_castsi256_pd(load(targets)), _mm256_castsi256_pd(load(weights)))
            };
            let differ = differ(load_half(entries), load_half(following));
            // The last four may be of fewer positions.
            let valid = _mm256_and_si256(differ, _mm256_cmpgt_epi64(end, places));
            self.best = improve(self.best, places, targets, weights, self.node, valid);
            places = _mm256_add_epi64(places, _mm256_set1_epi64x(4));
        }
    }

    /// The best split of those that were scored.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    pub(super) fn best(&self) -> Best {
        single(self.best)
    }
}

/// The best split of all lanes.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn single(best: Lanes) -> Best {
    let swap_halves = Lanes {
        scores: _mm256_permute2f128_pd::<1>(best.scores, best.scores),
        places: _mm256_permute2x128_si256::<1>(best.places, best.places),
    };
    let best = either(best, swap_halves);
    let swap_neighbours = Lanes {
        scores: _mm256_permute_pd::<0b0101>(best.scores),
        places: _mm256_shuffle_epi32::<0b01_00_11_10>(best.places),
    };
    let best = either(best, swap_neighbours);
    Best {
        score: _mm256_cvtsd_f64(best.scores),
        place: _mm_cvtsi128_si64(_mm256_castsi256_si128(best.places)) as u64,
    }
}

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
