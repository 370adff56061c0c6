//! Growing the lower nodes of a large training set as those of a small one.
//!
//! A node of up to 65,536 rows is copied: its rows are numbered anew, and so are the ranks of
//! their values. Short entries can name them then, with all that is faster for those, and all
//! that the node needs lies close together. The tree is the same.

use super::builder::{Builder, Task};
use super::entry::Entry;
use super::rows::Sum;
use crate::params::Checked;
use crate::training::TrainingView;
use crate::tree::Node;

const ROWS: usize = 1 << 16;

pub(super) struct Short<'a> {
    builder: Builder<'a, u32>,
    /// The new number of each row.
    numbers: Vec<u32>,
    /// For each feature the old rank of each new rank, as far apart as the builder's lists.
    ranks: Vec<u32>,
}

impl<'a> Short<'a> {
    pub(super) fn new(view: &'a TrainingView<'a>, params: &'a Checked) -> Self {
        let builder = Builder::new(view, params, ROWS.min(view.n_rows));
        let ranks = vec![0; builder.lists.len()];
        Short { builder, numbers: vec![0; view.n_rows], ranks }
    }

    /// Grows what is below a node of `large`, if it is small enough; returns whether it is.
    pub(super) fn take<E: Entry>(&mut self, large: &mut Builder<'_, E>, task: &Task) -> bool {
        if !holds(task) {
            return false;
        }
        self.copy(large, task);
        let small = &mut self.builder;
        std::mem::swap(&mut small.stream, &mut large.stream);
        std::mem::swap(&mut small.features, &mut large.features);
        let rows = 0..task.rows.len();
        small.run(Task { node: 0, rows, depth: task.depth, sum: task.sum }, |_, _| false);
        std::mem::swap(&mut small.stream, &mut large.stream);
        std::mem::swap(&mut small.features, &mut large.features);

        // The root is the node; the others follow all that there are.
        let behind = large.nodes.len();
        let place = |node: usize| if node == 0 { task.node } else { behind + node - 1 };
        large.nodes.resize(behind + small.nodes.len() - 1, Node::leaf(0, 0));
        for (i, node) in small.nodes.drain(..).enumerate() {
            large.nodes[place(i)] = if node.is_leaf() {
                Node::leaf(place(i), node.value())
            } else {
                let ranks = &self.ranks[node.feature() * small.stride..];
                let (lower, upper) = node.ranks();
                let ranks = (ranks[lower] as usize, ranks[upper] as usize);
                Node::undecided(node.feature(), ranks, place(node.left()))
            };
        }
        for (sum, gain) in large.gains.iter_mut().zip(&mut small.gains) {
            *sum += std::mem::take(gain);
        }
        true
    }

    /// Copies the lists of a node, and what its rows count for.
    fn copy<E: Entry>(&mut self, large: &Builder<'_, E>, task: &Task) {
        let small = &mut self.builder;
        small.weight = large.weight;
        let (from, to) = (&large.rows, &mut small.rows);
        to.counts.clear();
        to.targets.clear();
        to.weights.iter_mut().for_each(Vec::clear);
        for (entry, number) in large.lists[task.rows.clone()].iter().zip(0..) {
            let row = entry.row();
            self.numbers[row] = number;
            to.counts.push(from.counts[row]);
            to.targets.push(from.targets[row]);
            if let (Some(from), Some(to)) = (&from.weights, &mut to.weights) {
                to.push(from[row]);
            }
        }
        to.record();
        let lists = large.lists.chunks_exact(large.stride);
        let small_lists = small.lists.chunks_exact_mut(small.stride);
        let ranks = self.ranks.chunks_exact_mut(small.stride);
        for ((list, small_list), ranks) in lists.zip(small_lists).zip(ranks) {
            let list = &list[task.rows.clone()];
            let mut rank = 0;
            ranks[0] = list[0].rank() as u32;
            for (entry, small) in list.iter().zip(small_list) {
                if entry.rank() as u32 != ranks[rank] {
                    rank += 1;
                    ranks[rank] = entry.rank() as u32;
                }
                *small = (rank as u32) << 16 | self.numbers[entry.row()];
            }
        }
    }
}

/// Whether the rows of a node can be named, and its draws be counted, in 16 bits.
fn holds(task: &Task) -> bool {
    let countable = match task.sum {
        Sum::Counted { draws, .. } => draws <= ROWS as u64,
        Sum::Weighted { .. } => true,
    };
    task.rows.len() <= ROWS && countable
}
