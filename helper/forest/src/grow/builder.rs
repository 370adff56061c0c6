//! Growing one tree from the root to the leaves.

use std::ops::Range;

use super::bounds::Room;
use super::node::{Found, Search};
use super::partition::{Keep, Lists};
use super::rows::{self, Rows, Sum};
use super::simd::{Dispatch, Simd};
use crate::params::Checked;
use crate::random::Stream;
use crate::training::{TrainingView, stride};
use crate::tree::{Node, Tree};

/// A node that is still to be split.
pub(super) struct Task {
    pub(super) node: usize,
    /// Its range of positions in every list.
    pub(super) rows: Range<usize>,
    pub(super) depth: usize,
    pub(super) sum: Sum,
}

pub(super) struct Builder<'a, E> {
    view: &'a TrainingView<'a>,
    params: &'a Checked,
    simd: Simd,
    pub(super) rows: Rows,
    /// For each feature `stride` entries, as many of which as the tree has rows are in use.
    pub(super) lists: Vec<E>,
    pub(super) stride: usize,
    /// For each row 1 if it goes left, or 0.
    left: Vec<u8>,
    /// Room for the right side of one list.
    spare: Vec<E>,
    room: Room,
    /// All features, in the order in which the last node drew them.
    pub(super) features: Vec<u32>,
    /// For each feature its place among them.
    turns: Vec<u32>,
    /// Those to look at.
    candidates: Vec<u32>,
    /// Of all rows of the tree.
    pub(super) weight: f64,
    pub(super) stream: Stream,
    stack: Vec<Task>,
    pub(super) nodes: Vec<Node>,
    pub(super) gains: Vec<f64>,
}

impl<'a, E: Dispatch> Builder<'a, E> {
    /// Makes room for trees of that many rows.
    pub(super) fn new(view: &'a TrainingView<'a>, params: &'a Checked, n_rows: usize) -> Self {
        let (table, stride) = (E::table_len(n_rows), stride(n_rows));
        Builder {
            view,
            params,
            simd: Simd::detect(params.simd),
            rows: Rows::new(view, table, size_of::<E>() == 4),
            lists: vec![E::zeroed(); stride * view.n_features],
            stride,
            left: vec![0; table],
            spare: vec![E::zeroed(); stride],
            room: Room::new(n_rows),
            features: (0..view.n_features as u32).collect(),
            turns: vec![0; view.n_features],
            candidates: vec![0; view.n_features],
            weight: 0.0,
            stream: Stream::new(params.seed, 0),
            stack: Vec::new(),
            nodes: Vec::new(),
            gains: vec![0.0; view.n_features],
        }
    }

    /// Grows the tree of this index; `take` as in [`run`](Self::run).
    pub(super) fn tree(
        &mut self,
        order: &[E],
        index: usize,
        take: impl FnMut(&mut Self, &Task) -> bool,
    ) -> Tree {
        self.features.iter_mut().zip(0..).for_each(|(f, i)| *f = i);
        self.stream = Stream::new(self.params.seed, index as u64);
        let root = self.plant(order);
        self.run(root, take);
        // Looked up all in one go: these are many loads from far away that can overlap.
        let view = self.view;
        let inner = self.nodes.iter_mut().filter(|node| !node.is_leaf());
        inner.for_each(|node| node.decide(|f, lower, upper| view.threshold(f, lower, upper)));
        let gains = self.gains.iter().map(|&g| view.scale.square_to_f64(g)).collect();
        self.gains.fill(0.0);
        let tree = Tree { nodes: self.nodes.as_slice().into(), gains };
        self.nodes.clear();
        tree
    }

    /// Grows everything below a root, the first of the nodes, but for what is below a node that
    /// `take` has grown, and returned true for.
    pub(super) fn run(&mut self, root: Task, mut take: impl FnMut(&mut Self, &Task) -> bool) {
        self.open(root.node, root.rows, root.depth, root.sum);
        while let Some(task) = self.stack.pop() {
            if take(self, &task) {
                continue;
            }
            match self.search(&task) {
                Some(found) => self.split(&task, found),
                None => self.nodes[task.node] = Node::leaf(task.node, self.value(task.sum)),
            }
        }
    }

    /// Draws the rows, makes the lists of them, and gives the root.
    fn plant(&mut self, order: &[E]) -> Task {
        let view = self.view;
        self.rows.counts = rows::drawn(view, self.params, &mut self.stream);
        if let (Some(sums), Some(weights)) = (&mut self.rows.weights, view.weights) {
            for ((sum, weight), &count) in sums.iter_mut().zip(weights).zip(&self.rows.counts) {
                *sum = weight * f64::from(count);
            }
        }
        self.rows.record();
        let mut n = 0;
        for (left, &count) in self.left.iter_mut().zip(&self.rows.counts) {
            *left = u8::from(count > 0);
            n += usize::from(count > 0);
        }
        // One at a time: what was just copied is still near.
        let lists = self.lists.chunks_exact_mut(self.stride);
        for (all, order) in lists.zip(order.chunks_exact(self.stride)) {
            all.copy_from_slice(order);
            let list = Lists { all, stride: self.stride, n_lists: 1, at: 0, n: view.n_rows, skip: None };
            E::divide(self.simd, list, &self.left, Keep::Left, &mut self.spare);
        }
        let sum = self.sum(&self.lists[..n], false);
        self.weight = sum.weight();
        Task { node: 0, rows: 0..n, depth: 0, sum }
    }

    /// Adds up the rows of a list.
    fn sum(&self, list: &[E], packed: bool) -> Sum {
        let rows = &self.rows;
        if let Some(weights) = &rows.weights {
            let (mut targets, mut weight) = (0.0, 0.0);
            for e in list {
                weight += weights[e.row()];
                targets += rows.targets[e.row()] as f64 * weights[e.row()];
            }
            return Sum::Weighted { targets, weight };
        }
        if packed {
            let records = E::table(&rows.records);
            let sum = list.iter().fold(0u64, |sum, e| sum.wrapping_add(e.get(records)));
            let draws = sum & ((1 << rows::PACKED) - 1);
            return Sum::Counted { targets: sum >> rows::PACKED, draws };
        }
        let (mut targets, mut draws) = (0, 0);
        for e in list {
            let row = rows.wide[e.row()];
            targets += row[0];
            draws += row[1];
        }
        Sum::Counted { targets, draws }
    }

    fn value(&self, sum: Sum) -> i64 {
        self.view.offset + sum.mean(self.view.span)
    }

    /// Whether a node of that size and depth may be split.
    fn splittable(&self, n: usize, depth: usize) -> bool {
        n >= self.params.min_samples_split
            && n >= 2 * self.params.min_samples_leaf
            && depth < self.params.max_depth
    }

    /// Draws features until there are enough, at least one of them not constant in the node.
    /// Gives the number of candidates.
    fn draw_candidates(&mut self, at: usize, n: usize) -> usize {
        let (all, stride, lists) = (self.features.len(), self.stride, &self.lists[..]);
        let varies = |feature: u32| {
            let first = feature as usize * stride + at;
            lists[first].rank() != lists[first + n - 1].rank()
        };
        let mut count = 0;
        // Written in any case, and overwritten by the next one if it is constant.
        if self.params.max_features >= all {
            // In their own order: what is read of them need not wait for what is drawn.
            for feature in 0..all as u32 {
                self.candidates[count] = feature;
                count += usize::from(varies(feature));
            }
            let turns = &mut self.turns[..];
            self.stream.shuffle(&mut self.features, |feature, turn| turns[feature as usize] = turn);
        } else {
            for drawn in 0..all {
                if drawn >= self.params.max_features && count > 0 {
                    break;
                }
                let other = drawn + self.stream.pick((all - drawn) as u32) as usize;
                self.features.swap(drawn, other);
                let feature = self.features[drawn];
                self.turns[feature as usize] = drawn as u32;
                self.candidates[count] = feature;
                count += usize::from(varies(feature));
            }
        }
        count
    }

    fn search(&mut self, task: &Task) -> Option<Found> {
        let n = task.rows.len();
        let candidates = self.draw_candidates(task.rows.start, n);
        let least = self.params.min_samples_leaf;
        let node = Search {
            lists: &self.lists[task.rows.start..],
            stride: self.stride,
            n,
            features: &self.candidates[..candidates],
            drawn: &self.features,
            turns: &self.turns,
            positions: least - 1..n - least,
            sum: task.sum,
        };
        let packed = self.is_packed(task.sum);
        let found = E::search(self.simd, &node, &self.rows, packed, &mut self.room)?;
        let gain = found.score * task.sum.weight();
        let least = self.params.min_impurity_decrease;
        let worthwhile = least == 0.0 || self.view.scale.square_to_f64(gain / self.weight) >= least;
        (worthwhile && !self.is_pure(task, gain)).then_some(found)
    }

    fn is_packed(&self, sum: Sum) -> bool {
        matches!(sum, Sum::Counted { draws, .. } if draws <= self.rows.packed_draws)
    }

    /// Whether all targets of a node are the same. Only a gain that rounding could have made
    /// needs a look at them.
    fn is_pure(&self, task: &Task, gain: f64) -> bool {
        let targets = task.sum.targets();
        if gain > targets * targets * 1e-29 {
            return false;
        }
        let mut targets = self.lists[task.rows.clone()].iter().map(|e| self.rows.targets[e.row()]);
        let first = targets.next();
        targets.all(|t| Some(t) == first)
    }

    fn split(&mut self, task: &Task, found: Found) {
        let Found { score, feature, position } = found;
        self.gains[feature] += score * task.sum.weight();
        let (at, n, n_left) = (task.rows.start, task.rows.len(), position + 1);
        let packed = self.is_packed(task.sum);
        let best = feature * self.stride + at;
        let list = &self.lists[best..best + n];
        let (lower, upper) = (list[position].rank(), list[n_left].rank());

        let depth = task.depth + 1;
        let keep = match (self.splittable(n_left, depth), self.splittable(n - n_left, depth)) {
            (true, true) => Some(Keep::Both { n_left }),
            (true, false) => Some(Keep::Left),
            (false, true) => Some(Keep::Right),
            (false, false) => None,
        };
        if keep.is_some() {
            let (goes_left, goes_right) = list.split_at(n_left);
            let marks = E::table_mut(&mut self.left);
            goes_left.iter().for_each(|e| e.set(marks, 1));
            goes_right.iter().for_each(|e| e.set(marks, 0));
        }
        let left = self.sum(&list[..n_left], packed);
        let right = match (task.sum, left) {
            (Sum::Counted { targets, draws }, Sum::Counted { targets: left_targets, draws: left_draws }) => {
                Sum::Counted { targets: targets - left_targets, draws: draws - left_draws }
            }
            _ => self.sum(&list[n_left..], packed),
        };
        let child = self.nodes.len();
        self.nodes[task.node] = Node::undecided(feature, (lower, upper), child);

        if let Some(keep) = keep {
            let (all, stride, n_lists) = (&mut self.lists[..], self.stride, self.view.n_features);
            let lists = Lists { all, stride, n_lists, at, n, skip: Some(feature) };
            E::divide(self.simd, lists, &self.left, keep, &mut self.spare);
            if keep == Keep::Right {
                self.lists.copy_within(best + n_left..best + n, best);
            }
        }
        let start_right = if keep == Some(Keep::Right) { at } else { at + n_left };
        self.open(child, at..at + n_left, depth, left);
        self.open(child + 1, start_right..start_right + (n - n_left), depth, right);
    }

    /// Makes a node: a leaf, or one that is to be split.
    fn open(&mut self, node: usize, rows: Range<usize>, depth: usize, sum: Sum) {
        if self.splittable(rows.len(), depth) {
            self.nodes.push(Node::leaf(node, 0));
            self.stack.push(Task { node, rows, depth, sum });
        } else {
            self.nodes.push(Node::leaf(node, self.value(sum)));
        }
    }
}
