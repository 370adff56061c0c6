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
    pub(super) n_lists: usize,
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
    match keep {
        Keep::Left => sift::<E, true, false>(list, left, spare),
        Keep::Right => sift::<E, false, true>(list, left, spare),
        Keep::Both { n_left } => {
            sift::<E, true, true>(list, left, spare);
            let right = &mut list[n_left..];
            right.copy_from_slice(&spare[..right.len()]);
        }
    }
}

/// Moves the entries that go left, or right, to the front of the list; if both, those that go
/// right to the front of `spare`.
fn sift<E: Entry, const LEFT: bool, const RIGHT: bool>(list: &mut [E], left: &E::Table<u8>, spare: &mut [E]) {
    assert!(list.len() <= spare.len());
    let mut to_left = 0;
    for i in 0..list.len() {
        let entry = list[i];
        let to_right = i - to_left;
        // Every entry is written, and overwritten by the next one if it did not belong.
        // SAFETY: at most i entries went left, and at most i right; i is in the list, and the
        // spare list is no shorter.
        unsafe {
            if LEFT {
                *list.get_unchecked_mut(to_left) = entry;
            }
            if RIGHT {
                *if LEFT { &mut *spare } else { &mut *list }.get_unchecked_mut(to_right) = entry;
            }
        }
        to_left += usize::from(entry.get(left) & 1);
    }
}
