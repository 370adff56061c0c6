//! Dividing a list in two and keeping its order on both sides.

use super::entry::Entry;

/// Which sides of a divided list are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The left, where the list started; what follows it is lost.
    Left,
    /// The right, where the list started; what follows it is lost.
    Right,
    /// The left, then the right.
    Both {
        /// Entries that go left.
        n_left: usize,
    },
}

/// A node's part of every list.
pub(super) struct Lists<'a, E> {
    /// The lists, `stride` entries each.
    pub(super) all: &'a mut [E],
    pub(super) stride: usize,
    /// Where the node starts in each.
    pub(super) at: usize,
    /// Its rows.
    pub(super) n: usize,
    /// A list that is not to be divided.
    pub(super) skip: Option<usize>,
}

/// Divides lists by the marks of their rows. `spare` has room for a list.
pub(super) fn divide<E: Entry>(lists: Lists<'_, E>, left: &E::Table<u8>, keep: Keep, spare: &mut [E]) {
    for (i, list) in lists.all.chunks_exact_mut(lists.stride).enumerate() {
        if Some(i) != lists.skip {
            divide_one(&mut list[lists.at..][..lists.n], left, keep, spare);
        }
    }
}

fn divide_one<E: Entry>(list: &mut [E], left: &E::Table<u8>, keep: Keep, spare: &mut [E]) {
    let (mut to_left, mut to_right) = (0, 0);
    match keep {
        // Every entry is written, and overwritten by the next one if it did not belong.
        Keep::Left | Keep::Right => {
            let wanted = if keep == Keep::Left { 1 } else { 0 };
            for i in 0..list.len() {
                let entry = list[i];
                list[to_left] = entry;
                to_left += usize::from(entry.get(left) & 1 == wanted);
            }
        }
        Keep::Both { n_left } => {
            let spare = &mut spare[..list.len() + 1];
            for i in 0..list.len() {
                let entry = list[i];
                list[to_left] = entry;
                spare[to_right] = entry;
                let goes_left = usize::from(entry.get(left) & 1);
                to_left += goes_left;
                to_right += 1 - goes_left;
            }
            list[n_left..].copy_from_slice(&spare[..to_right]);
        }
    }
}
