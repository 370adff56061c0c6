//! Dividing lists, eight entries at a time.

use std::arch::x86_64::*;

use super::super::entry::Entry;
use super::super::partition::{Keep, Lists};

/// As [`partition::divide`](crate::grow::partition::divide).
#[target_feature(enable = "avx2,popcnt")]
pub(in crate::grow) fn divide(lists: Lists<'_, u32>, left: &[u8; 1 << 16], keep: Keep, spare: &mut [u32]) {
    match keep {
        Keep::Left => divide_all::<true, false>(lists, 0, left, spare),
        Keep::Right => divide_all::<false, true>(lists, 0, left, spare),
        Keep::Both { n_left } => divide_all::<true, true>(lists, n_left, left, spare),
    }
}

#[target_feature(enable = "avx2,popcnt")]
fn divide_all<const LEFT: bool, const RIGHT: bool>(
    lists: Lists<'_, u32>,
    n_left: usize,
    left: &[u8; 1 << 16],
    spare: &mut [u32],
) {
    let n = lists.n;
    let spare = &mut spare[..n + 8];
    for (i, list) in lists.all.chunks_exact_mut(lists.stride).enumerate() {
        if Some(i) == lists.skip {
            continue;
        }
        let list = &mut list[lists.at..][..n + 8];
        let behind = load8(list[n..].first_chunk().expect("eight"));
        // A last block that is not full also moves some of what is behind the list, to behind
        // what is used, so that it need not be told apart.
        sift::<LEFT, RIGHT>(list, n, left, spare);
        if LEFT && RIGHT {
            let (from, _) = spare[..(n - n_left).next_multiple_of(8)].as_chunks::<8>();
            let (to, _) = list[n_left..][..from.len() * 8].as_chunks_mut::<8>();
            for (to, from) in to.iter_mut().zip(from) {
                store8(to, load8(from));
            }
        }
        store8(list[n..].first_chunk_mut().expect("eight"), behind);
    }
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
        // SAFETY: `at` is below n, and the list has 8 more than n.
        let block: &[u32; 8] = unsafe { list.get_unchecked(at..at + 8).first_chunk().unwrap_unchecked() };
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
