//! Schedules: how the trees of a sweep are cut into tasks, and when the last task ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

/// The way to cut the trees of a sweep into tasks, and the order of the tasks: each goes to the first free
/// worker. The schedule changes the time, but no bit of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Schedule {
    /// Tasks of ten trees (or [`trees_per_task`](super::Sweep::trees_per_task)), model after model. At
    /// any time at most one model more than there are workers is unfinished, and the workers end
    /// together.
    #[default]
    Trees,
    /// One task per model, in the order of the sweep. Where models share trees, it grows those that its
    /// model has beyond the next smaller one.
    Models,
    /// The same tasks, the longest first: done at most 4/3 - 1/(3 workers) times as late as with
    /// the best order (Graham 1969).
    LongestFirst,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Trees => "trees as tasks",
            Self::Models => "one task per model, in order",
            Self::LongestFirst => "one task per model, longest first",
        })
    }
}

/// List scheduling: when the last of these tasks ends, in seconds, if each goes to the first worker
/// that is free, in the order given (Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM J.
/// Appl. Math. 17 (1969) 416-429, doi:10.1137/0117039).
pub(crate) fn makespan(seconds: impl IntoIterator<Item = f64>, workers: usize) -> f64 {
    // Floats that are not negative sort like their bits.
    let mut free: BinaryHeap<_> = (0..workers.max(1)).map(|_| Reverse(0.0_f64.to_bits())).collect();
    let mut end = 0.0_f64;
    for seconds in seconds {
        if let Some(mut first) = free.peek_mut() {
            let done = f64::from_bits(first.0) + seconds.max(0.0);
            first.0 = done.to_bits();
            end = end.max(done);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_lab_on_two_workers() {
        // 50, 60, ..., 340 trees: first come first served ends at best 1.95 times as early.
        let models: Vec<f64> = (50..=340).step_by(10).map(f64::from).collect();
        let total: f64 = models.iter().sum();
        let speedup = total / makespan(models.iter().copied(), 2);
        assert!((speedup - 1.95).abs() < 0.01, "{speedup}");
        // On 8 workers ascending order reaches 6.65, longest first 7.91.
        let ascending = total / makespan(models.iter().copied(), 8);
        let longest_first = total / makespan(models.iter().rev().copied(), 8);
        assert!((ascending - 6.65).abs() < 0.01 && (longest_first - 7.91).abs() < 0.01);
        // However many workers: never sooner than the longest model.
        assert_eq!(total / makespan(models.iter().copied(), 1024), 5_850.0 / 340.0);
    }

    /// The least that any assignment of the tasks to the workers reaches.
    fn best(seconds: &[f64], free: &mut [f64]) -> f64 {
        let Some((first, rest)) = seconds.split_first() else {
            return free.iter().copied().fold(0.0, f64::max);
        };
        let mut least = f64::INFINITY;
        for worker in 0..free.len() {
            free[worker] += first;
            least = least.min(best(rest, free));
            free[worker] -= first;
        }
        least
    }

    proptest! {
        #[test]
        fn between_graham_and_the_ideal(seconds in prop::collection::vec(0.0..10.0_f64, 1..60), workers in 1..12_usize) {
            let span = makespan(seconds.iter().copied(), workers);
            let total: f64 = seconds.iter().sum();
            let longest = seconds.iter().fold(0.0, |a: f64, &b| a.max(b));
            let least = (total / workers as f64).max(longest);
            prop_assert!(span >= least - 1e-9);
            prop_assert!(span <= (2.0 - 1.0 / workers as f64) * least + 1e-9);
        }

        #[test]
        fn longest_first_is_within_its_bound(mut seconds in prop::collection::vec(0.0..10.0_f64, 1..8), workers in 1..4_usize) {
            seconds.sort_by(|a, b| b.total_cmp(a));
            let span = makespan(seconds.iter().copied(), workers);
            let bound = 4.0 / 3.0 - 1.0 / (3.0 * workers as f64);
            prop_assert!(span <= bound * best(&seconds, &mut vec![0.0; workers]) + 1e-9);
        }
    }
}
