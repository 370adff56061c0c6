//! Dividing lists, eight entries at a time.

use std::arch::x86_64::*;

use super::super::entry::Entry;
use super::super::partition::{Keep, Lists};

/// As [`partition::divide`](crate::grow::partition::divide).
#[target_feature(enable = "avx2,popcnt")]
pub(in crate::grow) fn divide(lists: Lists<'_, u32>, left: &[u8; 1 << 16], keep: Keep, spare: &mut [u32]) {
    match (lists.n, keep) {
        (..=8, _) => divide_one_block(lists, left, keep),
        (9..=16, _) => divide_two_blocks(lists, left, keep),
        (_, Keep::Left) => divide_to_front::<true>(lists, left),
        (_, Keep::Right) => divide_to_front::<false>(lists, left),
        (_, Keep::Both { n_left }) => divide_to_both(lists, n_left, left, spare),
    }
}

/// The starts of the lists to divide.
#[inline]
fn starts(lists: &Lists<'_, u32>) -> impl Iterator<Item = usize> + use<> {
    let (stride, at, skip) = (lists.stride, lists.at, lists.skip);
    let starts = (0..lists.n_lists).filter(move |&i| Some(i) != skip);
    starts.map(move |i| i * stride + at)
}

/// For up to 8 rows. What is behind a list is moved as if it stayed, and so it does.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn divide_one_block(lists: Lists<'_, u32>, left: &[u8; 1 << 16], keep: Keep) {
    let (flip, used) = (if keep == Keep::Right { 0xff } else { 0 }, (1 << lists.n) - 1);
    for start in starts(&lists) {
        let block = lists.all[start..].first_chunk_mut().expect("eight");
        let to_front = (marks(block, left) ^ flip) & used;
        store8(block, front(load8(block), to_front));
    }
}

/// For 9 to 16 rows. All is loaded before anything is stored.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn divide_two_blocks(lists: Lists<'_, u32>, left: &[u8; 1 << 16], keep: Keep) {
    let n = lists.n;
    let (flip, used) = (if keep == Keep::Right { 0xff } else { 0 }, (1 << (n - 8)) - 1);
    for start in starts(&lists) {
        let list = &mut lists.all[start..][..n + 8];
        let behind = load8(chunk(list, n));
        let first_bits = marks(chunk(list, 0), left) ^ flip;
        let second_bits = (marks(chunk(list, 8), left) ^ flip) & used;
        let (first, second) = (load8(chunk(list, 0)), load8(chunk(list, 8)));
        let n_first = (first_bits & 0xff).count_ones() as usize;
        let n_second = second_bits.count_ones() as usize;
        store8(chunk(list, 0), front(first, first_bits));
        store8(chunk(list, n_first), front(second, second_bits));
        if matches!(keep, Keep::Both { .. }) {
            store8(chunk(list, n_first + n_second), front(first, !first_bits));
            store8(chunk(list, n_second + 8), front(second, !second_bits));
        }
        store8(chunk(list, n), behind);
    }
}

/// Keeps the entries that go left, or right.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn divide_to_front<const LEFT: bool>(lists: Lists<'_, u32>, left: &[u8; 1 << 16]) {
    let n = lists.n;
    for start in starts(&lists) {
        let list = &mut lists.all[start..][..n + 8];
        let behind = load8(chunk(list, n));
        if LEFT {
            sift::<true, false>(list, n, left, &mut []);
        } else {
            sift::<false, true>(list, n, left, &mut []);
        }
        store8(chunk(list, n), behind);
    }
}

/// Keeps the entries that go left, then those that go right, by way of `spare`.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn divide_to_both(lists: Lists<'_, u32>, n_left: usize, left: &[u8; 1 << 16], spare: &mut [u32]) {
    let n = lists.n;
    let spare = &mut spare[..n + 8];
    for start in starts(&lists) {
        let list = &mut lists.all[start..][..n + 8];
        let behind = load8(chunk(list, n));
        sift::<true, true>(list, n, left, spare);
        let (from, _) = spare[..(n - n_left).next_multiple_of(8)].as_chunks::<8>();
        let (to, _) = list[n_left..][..from.len() * 8].as_chunks_mut::<8>();
        for (to, from) in to.iter_mut().zip(from) {
            store8(to, load8(from));
        }
        store8(chunk(list, n), behind);
    }
}

/// Eight entries of a list.
#[inline]
fn chunk(list: &mut [u32], at: usize) -> &mut [u32; 8] {
    list[at..].first_chunk_mut().expect("eight")
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
    // A last block that is not full also moves some of what is behind the list, to behind what
    // is used, so that it need not be told apart.
    assert!(n + 8 <= list.len() && (!(LEFT && RIGHT) || n + 8 <= spare.len()));
    let mut to_left = 0;
    for at in (0..n).step_by(8) {
        // SAFETY: `at` is below n, and the list has 8 more than n.
        let block: &[u32; 8] = unsafe { list.get_unchecked(at..at + 8).first_chunk().unwrap_unchecked() };
        let lefts = marks(block, left);
        let entries = load8(block);
        let to_right = at - to_left;
        // SAFETY: at most as many entries were moved left, or right, as were read, so both
        // places are at most `at`, which is below n; the lists have 8 more than n.
        unsafe {
            if LEFT {
                let to = list.get_unchecked_mut(to_left..to_left + 8);
                store8(to.first_chunk_mut().unwrap_unchecked(), front(entries, lefts));
            }
            if RIGHT {
                let to = if LEFT { &mut *spare } else { &mut *list };
                let to = to.get_unchecked_mut(to_right..to_right + 8);
                store8(to.first_chunk_mut().unwrap_unchecked(), front(entries, !lefts));
            }
        }
        to_left += lefts.count_ones() as usize;
    }
}

/// A bit for each entry that goes left.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn marks(block: &[u32; 8], left: &[u8; 1 << 16]) -> usize {
    let &[a, b, c, d, e, f, g, h] = block;
    let two = |a: u32, b: u32| usize::from(a.get(left)) + 2 * usize::from(b.get(left));
    // Eight bits in any case: what is stored without checks relies on that.
    ((two(a, b) + 4 * two(c, d)) + 16 * (two(e, f) + 4 * two(g, h))) & 0xff
}

/// Moves the entries whose bits are set to the front, the others behind them.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn front(entries: __m256i, bits: usize) -> __m256i {
    let lanes = _mm_cvtsi64_si128(LANES[bits & 0xff] as i64);
    _mm256_permutevar8x32_epi32(entries, _mm256_cvtepu8_epi32(lanes))
}

/// For each set of 8 bits, the positions of its bits, then those of the others, one in each byte.
static LANES: [u64; 256] = {
    let mut lanes = [0; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut place, mut found) = (0, 0);
        while place < 16 {
            let (bit, wanted) = (place % 8, place < 8);
            if (bits >> bit & 1 == 1) == wanted {
                lanes[bits] |= bit << (8 * found);
                found += 1;
            }
            place += 1;
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
