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
mod node;
mod partition;
mod rows;
mod search;
mod short;
mod simd;

use std::ops::Range;

use crate::params::Checked;
use crate::training::{Order, TrainingView};
use crate::tree::Tree;
use builder::Builder;
pub(crate) use rows::drawn;
use short::Short;

/// Grows the trees of these indices, one after the other.
pub(crate) fn grow(view: &TrainingView<'_>, params: &Checked, trees: Range<usize>) -> Vec<Tree> {
    match view.order {
        Order::Short(order) => {
            let mut builder = Builder::new(view, params, view.n_rows);
            trees.map(|index| builder.tree(order, index, |_, _| false)).collect()
        }
        Order::Long(order) => {
            let mut builder = Builder::new(view, params, view.n_rows);
            let mut short = Short::new(view, params);
            trees.map(|index| builder.tree(order, index, |large, task| short.take(large, task))).collect()
        }
    }
}
