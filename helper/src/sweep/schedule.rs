//! What a scheduler can reach at best, given how long each task takes.

/// When the last of these tasks ends, if each goes to the first worker that is free, in the order
/// given (list scheduling; Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM J. Appl.
/// Math. 17 (1969) 416-429, doi:10.1137/0117039).
pub(crate) fn makespan(seconds: impl IntoIterator<Item = f64>, workers: usize) -> f64 {
    let mut free = vec![0.0_f64; workers.max(1)];
    for seconds in seconds {
        if let Some(first) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) {
            *first += seconds;
        }
    }
    free.into_iter().fold(0.0, f64::max)
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
    }
}
