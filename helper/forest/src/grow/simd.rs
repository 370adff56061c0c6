//! Which instructions look for a split and divide lists.

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::bounds::Room;
use super::entry::Entry;
use super::node::{Found, Search};
use super::partition::{self, Keep, Lists};
use super::rows::Rows;

/// Instructions to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simd {
    /// What every processor has.
    Portable,
    /// AVX2 and POPCNT. Only [`Simd::detect`] makes this, where the processor has both.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Simd {
    pub(super) fn detect(wanted: bool) -> Simd {
        #[cfg(target_arch = "x86_64")]
        if wanted && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            return Simd::Avx2;
        }
        let _ = wanted;
        Simd::Portable
    }
}

/// What is done to a node's lists, by the instructions that suit their entries.
pub(super) trait Dispatch: Entry {
    /// Looks for a node's best split; `room` is for at least as many rows.
    fn search(_: Simd, node: &Search<'_, Self>, rows: &Rows, packed: bool, room: &mut Room) -> Option<Found> {
        node.search(rows, packed, room)
    }

    /// Divides lists by the marks of their rows: see [`partition::divide`].
    fn divide(_: Simd, lists: Lists<'_, Self>, left: &[u8], keep: Keep, spare: &mut [Self]) {
        partition::divide(lists, Self::table(left), keep, spare);
    }
}

impl Dispatch for u32 {
    #[cfg(target_arch = "x86_64")]
    fn search(
        simd: Simd,
        node: &Search<'_, u32>,
        rows: &Rows,
        packed: bool,
        room: &mut Room,
    ) -> Option<Found> {
        match simd {
            Simd::Portable => node.search(rows, packed, room),
            // SAFETY: `Simd::Avx2` is made only where the processor has these instructions.
            Simd::Avx2 => unsafe { avx2::search(node, rows, packed, room) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn divide(simd: Simd, lists: Lists<'_, u32>, left: &[u8], keep: Keep, spare: &mut [u32]) {
        match simd {
            Simd::Portable => partition::divide(lists, Self::table(left), keep, spare),
            // SAFETY: `Simd::Avx2` is made only where the processor has these instructions.
            Simd::Avx2 => unsafe { avx2::divide(lists, Self::table(left), keep, spare) },
        }
    }
}

impl Dispatch for u64 {}
