//! Scoring splits exactly, four at a time.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::bounds::BLOCK;
use super::super::entry::Entry;
use super::super::rows::PACKED;
use super::super::search::{Best, Search};

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
    let Some(last) = node.features.len().checked_sub(1) else { return Best::NONE };
    let constants = constants(node);
    let (start, end) = (node.positions.start, node.positions.end);
    let mut best = no_best();
    for first in (0..=last).step_by(4) {
        // Lanes that are left over walk along the last list once more.
        let places = [first, first + 1, first + 2, first + 3].map(|place| place.min(last));
        let list = |i: usize| node.list(node.features[places[i]]);
        // One by one, so that the compiler sees that all are as long as the loop.
        let (a, b, c, d) = (&list(0)[..=end], &list(1)[..=end], &list(2)[..=end], &list(3)[..=end]);
        let [p, q, r, s] = places.map(|place| ((place as i64) << 32) + start as i64);
        let mut places = _mm256_setr_epi64x(p, q, r, s);
        let mut sums = _mm256_setzero_si256();
        for at in 0..start {
            sums = _mm256_add_epi64(sums, gather(records, a[at], b[at], c[at], d[at]));
        }
        let ranks = |at: usize| {
            _mm_setr_epi32(a[at].cast_signed(), b[at].cast_signed(), c[at].cast_signed(), d[at].cast_signed())
        };
        let mut entries = ranks(start);
        for at in start..end {
            sums = _mm256_add_epi64(sums, gather(records, a[at], b[at], c[at], d[at]));
            let following = ranks(at + 1);
            let (targets, weights) = numbers(sums);
            best = improve(best, places, targets, weights, constants, differ(entries, following));
            entries = following;
            places = _mm256_add_epi64(places, _mm256_set1_epi64x(1));
        }
    }
    single(best)
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
        OneFeature { list, place: (place as i64) << 32, node: constants(node), best: no_best() }
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
