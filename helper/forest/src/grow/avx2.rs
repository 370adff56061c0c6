//! The same search and the same division with AVX2, for lists of 32-bit entries.
//!
//! Every operation on numbers is the one of the portable path, rounded the same way and on
//! the same numbers; only several positions are looked at in one go. The results are the
//! same bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::entry::Entry;
use super::partition::Keep;
use super::rows::{PACKED, Rows};
use super::search::{Found, Search, below};

/// The best splits that each of four lanes has seen: scores, and features' places in the
/// order of drawing (upper half) with positions (lower half).
#[derive(Clone, Copy)]
struct Best {
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
pub(super) fn search(
    node: &Search<'_, u32>,
    rows: &Rows<'_>,
    packed: bool,
    sums: &mut [u64],
) -> Option<Found> {
    if packed { search_packed(node, rows, sums) } else { search_wide(node, rows, sums) }
}

#[target_feature(enable = "avx2,popcnt")]
fn search_packed(node: &Search<'_, u32>, rows: &Rows<'_>, sums: &mut [u64]) -> Option<Found> {
    let records = u32::table(&rows.records);
    let half = sums.len() / 2;
    let (mut now, mut next) = sums.split_at_mut(half);
    let fill = |feature: u32, sums: &mut [u64]| {
        let mut sum = 0u64;
        for (entry, out) in node.list(feature)[..node.n].iter().zip(sums) {
            sum = sum.wrapping_add(entry.get(records));
            *out = sum;
        }
    };
    let magic = _mm256_set1_epi64x(0x4330 << 48);
    let magic_number = _mm256_castsi256_pd(magic);
    let draws = _mm256_set1_epi64x((1 << PACKED) - 1);
    let constants = constants(node);
    let mut best = no_best();
    // The sums along a list are written one list ahead of their use: reading several at once
    // just after they were written one by one would stall.
    if let Some(&first) = node.features.first() {
        fill(first, now);
    }
    for (i, &feature) in node.features.iter().enumerate() {
        if let Some(&following) = node.features.get(i + 1) {
            fill(following, next);
        }
        let list = node.list(feature);
        best = scan(list, i, &node.positions, constants, best, |at| {
            let sums = load(&now[at..]);
            // A whole number below 2^52 under the exponent of 2^52 is that number above 2^52.
            let targets = _mm256_castsi256_pd(_mm256_or_si256(
                _mm256_srli_epi64::<{ PACKED as i32 }>(sums),
                magic,
            ));
            let weights =
                _mm256_castsi256_pd(_mm256_or_si256(_mm256_and_si256(sums, draws), magic));
            (_mm256_sub_pd(targets, magic_number), _mm256_sub_pd(weights, magic_number))
        });
        std::mem::swap(&mut now, &mut next);
    }
    found(node, best)
}

#[target_feature(enable = "avx2,popcnt")]
fn search_wide(node: &Search<'_, u32>, rows: &Rows<'_>, sums: &mut [u64]) -> Option<Found> {
    let half = sums.len() / 2;
    let (targets, weights) = sums.split_at_mut(half);
    let constants = constants(node);
    let mut best = no_best();
    for (i, &feature) in node.features.iter().enumerate() {
        let list = node.list(feature);
        let out = targets.iter_mut().zip(weights.iter_mut());
        match &rows.weights {
            None => {
                let mut sum = (0u64, 0u64);
                for (entry, out) in list[..node.n].iter().zip(out) {
                    let draws = u64::from(rows.counts[entry.row()]);
                    sum.0 += rows.targets[entry.row()] * draws;
                    sum.1 += draws;
                    (*out.0, *out.1) = ((sum.0 as f64).to_bits(), (sum.1 as f64).to_bits());
                }
            }
            Some(row_weights) => {
                let mut sum = (0.0, 0.0);
                for (entry, out) in list[..node.n].iter().zip(out) {
                    let weight = row_weights[entry.row()];
                    sum.0 += rows.targets[entry.row()] as f64 * weight;
                    sum.1 += weight;
                    *out.0 = f64::to_bits(sum.0);
                    *out.1 = below(sum.1, node.sum.weight()).to_bits();
                }
            }
        }
        best = scan(list, i, &node.positions, constants, best, |at| {
            let numbers = |words: &[u64]| _mm256_castsi256_pd(load(words));
            (numbers(&targets[at..]), numbers(&weights[at..]))
        });
    }
    found(node, best)
}

#[inline]
#[target_feature(enable = "avx2")]
fn constants(node: &Search<'_, u32>) -> Node {
    let total = node.sum.weight();
    let mean = node.sum.targets() / total;
    Node { mean: _mm256_set1_pd(mean), total: _mm256_set1_pd(total) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn no_best() -> Best {
    Best { scores: _mm256_set1_pd(-1.0), places: _mm256_set1_epi64x(i64::MAX) }
}

/// Scores four positions at a time.
#[inline(always)]
fn scan(
    list: &[u32],
    place: usize,
    positions: &Range<usize>,
    node: Node,
    mut best: Best,
    sums: impl Fn(usize) -> (__m256d, __m256d),
) -> Best {
    // SAFETY: inlined into functions that have these instructions, and into no others.
    unsafe {
        let place = (place as i64) << 32;
        let end = _mm256_set1_epi64x(place + positions.end as i64);
        let four = _mm256_set1_epi64x(4);
        let same_rank = _mm256_set1_epi64x(0xffff);
        let first = _mm256_set1_epi64x(place + positions.start as i64);
        let mut places = _mm256_add_epi64(first, _mm256_setr_epi64x(0, 1, 2, 3));
        for at in positions.clone().step_by(4) {
            let (targets, weights) = sums(at);
            let difference = _mm256_sub_pd(targets, _mm256_mul_pd(weights, node.mean));
            let squared = _mm256_mul_pd(difference, difference);
            let product = _mm256_mul_pd(weights, _mm256_sub_pd(node.total, weights));
            let scores = _mm256_div_pd(squared, product);
            // A position may be split at if the next entry has another rank.
            let entries = _mm256_cvtepu32_epi64(load_half(&list[at..]));
            let following = _mm256_cvtepu32_epi64(load_half(&list[at + 1..]));
            let differs = _mm256_cmpgt_epi64(_mm256_xor_si256(entries, following), same_rank);
            let valid = _mm256_and_si256(differs, _mm256_cmpgt_epi64(end, places));
            let better = _mm256_and_pd(
                _mm256_cmp_pd::<_CMP_GT_OQ>(scores, best.scores),
                _mm256_castsi256_pd(valid),
            );
            best.scores = _mm256_blendv_pd(best.scores, scores, better);
            best.places = _mm256_blendv_epi8(best.places, places, _mm256_castpd_si256(better));
            places = _mm256_add_epi64(places, four);
        }
        best
    }
}

/// The best of the four lanes: the highest score, then the first place.
#[inline]
#[target_feature(enable = "avx2")]
fn found(node: &Search<'_, u32>, best: Best) -> Option<Found> {
    let mut scores = [0.0; 4];
    let mut places = [0u64; 4];
    // SAFETY: each array has room for the four lanes; the stores need no alignment.
    unsafe {
        _mm256_storeu_pd(scores.as_mut_ptr(), best.scores);
        _mm256_storeu_si256(places.as_mut_ptr().cast(), best.places);
    }
    let (mut score, mut place) = (scores[0], places[0]);
    for lane in 1..4 {
        let first = scores[lane] == score && places[lane] < place;
        if scores[lane] > score || first {
            (score, place) = (scores[lane], places[lane]);
        }
    }
    (score >= 0.0).then(|| Found {
        score,
        feature: node.features[(place >> 32) as usize] as usize,
        position: place as u32 as usize,
    })
}

/// As [`partition::divide`](super::partition::divide), of the first `n` entries. The list has
/// 8 more, which stay as they are.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn divide(
    list: &mut [u32],
    n: usize,
    left: &[u8; 1 << 16],
    keep: Keep,
    spare: &mut [u32],
) {
    let behind = load8(&list[n..]);
    let mark = |entry: u32| entry.get(left) as i8;
    let (mut to_left, mut to_right) = (0, 0);
    for at in (0..n).step_by(8) {
        let block: &[u32; 8] = list[at..].first_chunk().expect("8 more than n");
        let marks = _mm_setr_epi8(
            mark(block[0]),
            mark(block[1]),
            mark(block[2]),
            mark(block[3]),
            mark(block[4]),
            mark(block[5]),
            mark(block[6]),
            mark(block[7]),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        );
        let entries = load8(block);
        let used = if n - at >= 8 { 0xff } else { (1 << (n - at)) - 1 };
        let marks = _mm_movemask_epi8(marks) as usize;
        let (lefts, rights) = (marks & used, !marks & used);
        // What was read is overwritten: at most as many entries were written as were read.
        match keep {
            Keep::Left => store8(&mut list[to_left..], compress(entries, lefts)),
            Keep::Right => store8(&mut list[to_right..], compress(entries, rights)),
            Keep::Both { .. } => {
                store8(&mut list[to_left..], compress(entries, lefts));
                store8(&mut spare[to_right..], compress(entries, rights));
            }
        }
        to_left += lefts.count_ones() as usize;
        to_right += rights.count_ones() as usize;
    }
    if let Keep::Both { n_left } = keep {
        for at in (0..to_right).step_by(8) {
            store8(&mut list[n_left + at..], load8(&spare[at..]));
        }
    }
    store8(&mut list[n..], behind);
}

/// Moves the entries whose bits are set to the front.
#[inline]
#[target_feature(enable = "avx2")]
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
#[target_feature(enable = "avx2")]
fn load(words: &[u64]) -> __m256i {
    let words: &[u64; 4] = words.first_chunk().expect("four more words");
    // SAFETY: reads the 32 bytes of the array; the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Four entries.
#[inline]
#[target_feature(enable = "avx2")]
fn load_half(entries: &[u32]) -> __m128i {
    let entries: &[u32; 4] = entries.first_chunk().expect("four more entries");
    // SAFETY: reads the 16 bytes of the array; the load needs no alignment.
    unsafe { _mm_loadu_si128(entries.as_ptr().cast()) }
}

/// Eight entries.
#[inline]
#[target_feature(enable = "avx2")]
fn load8(entries: &[u32]) -> __m256i {
    let entries: &[u32; 8] = entries.first_chunk().expect("eight more entries");
    // SAFETY: reads the 32 bytes of the array; the load needs no alignment.
    unsafe { _mm256_loadu_si256(entries.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store8(entries: &mut [u32], values: __m256i) {
    let entries: &mut [u32; 8] = entries.first_chunk_mut().expect("room for eight entries");
    // SAFETY: writes the 32 bytes of the array; the store needs no alignment.
    unsafe { _mm256_storeu_si256(entries.as_mut_ptr().cast(), values) }
}
