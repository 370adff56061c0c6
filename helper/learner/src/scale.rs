//! Sums over trees that no order and no grouping can change.

/// Sums over so many trees cannot overflow.
const MOST_TREES: usize = 1 << 20;

/// A fixed-point scale for predictions. What a tree predicts is rounded once to a whole number of
/// steps; adding trees is integer addition from then on. So a forest's prediction has the same bits
/// for any number of workers and any division of its trees among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Steps per unit: a power of two.
    steps: f64,
}

impl Scale {
    /// The finest scale on which the sum over [`MOST_TREES`] trees cannot overflow, whose predictions
    /// are means of `targets`: 40 fraction bits for targets up to 5.
    pub(crate) fn for_targets(targets: &[f64]) -> Self {
        let largest = targets.iter().fold(0.0_f64, |a, y| a.max(y.abs()));
        // largest < 2^exponent; frexp without the C library.
        let exponent = if largest == 0.0 { 0 } else { (largest.to_bits() >> 52 & 0x7ff) as i32 - 1022 };
        let bits = 62 - MOST_TREES.ilog2() as i32 - exponent;
        Self { steps: 2.0_f64.powi(bits.clamp(-1000, 1000)) }
    }

    /// A prediction in steps, rounded to the nearest; ties to even.
    pub(crate) fn steps(self, prediction: f64) -> i64 {
        (prediction * self.steps).round_ties_even() as i64
    }

    /// The mean of so many predictions, given their sum in steps.
    pub fn mean(self, sum: i64, trees: usize) -> f64 {
        sum as f64 / self.steps / trees as f64
    }
}

impl From<forest::Scale> for Scale {
    fn from(scale: forest::Scale) -> Self {
        Self { steps: scale.to_f64(1, 1).recip() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn has_forty_fraction_bits_or_more_for_the_lab() {
        assert!(Scale::for_targets(&[5.00001, 0.14999]).steps >= 2.0_f64.powi(39));
        assert!(Scale::for_targets(&[1.0]).steps >= 2.0_f64.powi(40));
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_count(
            mut y in prop::collection::vec(-1e6..1e6_f64, 2..200), cut in 0_usize..200, shift in 0_usize..200,
        ) {
            let scale = Scale::for_targets(&y);
            let sum = |y: &[f64]| y.iter().map(|&y| scale.steps(y)).sum::<i64>();
            let whole = sum(&y);
            let cut = cut % y.len();
            prop_assert_eq!(sum(&y[..cut]) + sum(&y[cut..]), whole);
            let shift = shift % y.len();
            y.rotate_left(shift);
            prop_assert_eq!(sum(&y), whole);
            let mean = y.iter().sum::<f64>() / y.len() as f64;
            prop_assert!((scale.mean(whole, y.len()) - mean).abs() < 1e-6);
        }

        #[test]
        fn never_overflows(largest in prop::num::f64::NORMAL) {
            prop_assume!(largest.abs() > 1e-280 && largest.abs() < 1e290);
            let scale = Scale::for_targets(&[largest]);
            let steps = scale.steps(largest);
            let sum = steps.checked_mul(MOST_TREES as i64).expect("fits");
            prop_assert!((scale.mean(sum, MOST_TREES) / largest - 1.0).abs() < 1e-9);
        }
    }
}
