//! Growing trees: exact greedy splits on lists that were sorted once.
//!
//! For every feature there is a list of the tree's rows in the order of the feature. A node
//! is a range of positions, the same in all lists; a split divides every list in place,
//! keeping its order. Looking for a split is one walk along each list, with the sum of the
//! targets so far. All sums are of whole numbers, so they are exact.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod bounds;
mod builder;
mod entry;
mod partition;
mod rows;
mod search;
mod short;

use std::ops::Range;

use crate::params::Checked;
use crate::training::{Order, TrainingView};
use crate::tree::Tree;
pub(crate) use rows::drawn;

/// Instructions to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simd {
    /// What every processor has.
    Portable,
    /// AVX2 and POPCNT. Only [`Simd::detect`] makes this, where the processor has both.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Simd {
    pub(crate) fn detect(wanted: bool) -> Simd {
        #[cfg(target_arch = "x86_64")]
        if wanted && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            return Simd::Avx2;
        }
        let _ = wanted;
        Simd::Portable
    }
}

/// Grows the trees of these indices, one after the other.
pub(crate) fn grow(view: &TrainingView<'_>, params: &Checked, trees: Range<usize>) -> Vec<Tree> {
    match view.order {
        Order::Short(order) => builder::grow(view, order, params, trees),
        Order::Long(order) => builder::grow(view, order, params, trees),
    }
}
