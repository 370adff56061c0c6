//! Fixed-point numbers: sums of them are exact, so no order of adding can change a bit.

/// Bits that a target or a leaf has after scaling by the largest target.
const BITS: i32 = 40;

/// What one unit of a fixed-point prediction is worth: a power of two.
///
/// The leaves of a tree are whole numbers of such units, rounded once to at least 40 bits
/// below the largest target (fewer only beyond two million rows). Adding the predictions of
/// any trees, in any order, on any machine, is therefore integer addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    exponent: i32,
}

impl Scale {
    /// The finest scale at which `rows` targets of at most `largest` fit into 63 bits: that of a
    /// [`TrainingSet`](crate::TrainingSet) of so many.
    pub fn for_targets(largest: f64, rows: usize) -> Self {
        let row_bits = (usize::BITS - rows.leading_zeros()) as i32;
        Scale { exponent: ceiling(largest) - BITS.min(62 - 1 - row_bits) }
    }

    /// The finest scale at which the sum over `n_trees` predictions of at most `largest` fits into 63
    /// bits: for trees that another library grew, whose predictions are rounded here.
    pub fn for_sums(largest: f64, n_trees: usize) -> Self {
        Scale { exponent: ceiling(largest) - (62 - n_trees.max(1).ilog2() as i32) }
    }

    /// `value` times the power of two that takes `largest` to between 1 and 2.
    pub(crate) fn normalise(value: f64, largest: f64) -> f64 {
        times_power_of_two(value, 1 - ceiling(largest))
    }

    pub(crate) fn from_exponent(exponent: i32) -> Option<Self> {
        (-1200..=1100).contains(&exponent).then_some(Scale { exponent })
    }

    pub(crate) fn exponent(self) -> i32 {
        self.exponent
    }

    /// `value` in units, rounded to the nearest, ties to even.
    pub fn to_fixed(self, value: f64) -> i64 {
        times_power_of_two(value, -self.exponent).round_ties_even() as i64
    }

    /// The mean of `n_trees` trees, given the sum of their fixed-point predictions.
    pub fn to_f64(self, sum: i64, n_trees: usize) -> f64 {
        // Rounding up the largest of all numbers must not make it infinite.
        times_power_of_two(sum as f64 / n_trees as f64, self.exponent).clamp(f64::MIN, f64::MAX)
    }

    /// A sum of squares in squared units, as a number.
    pub(crate) fn square_to_f64(self, squares: f64) -> f64 {
        times_power_of_two(times_power_of_two(squares, self.exponent), self.exponent)
    }
}

/// The power of two above a number that is not negative.
fn ceiling(value: f64) -> i32 {
    match (value.to_bits() >> 52) as i32 {
        0 if value == 0.0 => 0,
        0 => -1074 + 64 - value.to_bits().leading_zeros() as i32,
        biased => biased - 1022,
    }
}

/// `value * 2^power`; rounds only where the result is subnormal.
fn times_power_of_two(value: f64, power: i32) -> f64 {
    let half = power / 2;
    let factor = |p: i32| f64::from_bits(((p + 1023) as u64) << 52);
    value * factor(half) * factor(power - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representable_values_come_back_unchanged() {
        for y in [0.0, 1.0, -1.0, 5.00001e0_f32 as f64, 3.0e300, 1.0e-300, f64::MAX, -0.375] {
            let scale = Scale::for_targets(y.abs(), 1000);
            let fixed = scale.to_fixed(y);
            assert!(fixed.abs() <= 1 << BITS);
            let error = (scale.to_f64(fixed, 1) - y).abs();
            assert!(error <= y.abs() / (1u64 << (BITS - 1)) as f64, "{y}");
        }
        let scale = Scale::for_targets(1023.0, 20_000);
        for y in [-1023.0, 0.5, 17.25, 1022.9375] {
            assert_eq!(scale.to_f64(scale.to_fixed(y), 1), y);
        }
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_have_a_scale() {
        for y in [f64::MIN_POSITIVE, 5e-324, f64::MAX] {
            let scale = Scale::for_targets(y, 10);
            assert!((scale.to_f64(scale.to_fixed(y), 1) - y).abs() <= y * 1e-12, "{y}");
            assert!(Scale::from_exponent(scale.exponent()).is_some());
        }
    }

    #[test]
    fn sums_of_all_trees_fit() {
        let most = crate::MAX_TREES;
        // 40 bits below 5.00001, the largest target of California Housing.
        assert_eq!(Scale::for_sums(5.00001, most).exponent(), -39);
        for largest in [1e-280, 0.3, 1.0, 5.00001, 1e290] {
            let scale = Scale::for_sums(largest, most);
            let sum = scale.to_fixed(largest).checked_mul(most as i64).expect("fits");
            assert!((scale.to_f64(sum, most) / largest - 1.0).abs() < 1e-9, "{largest}");
        }
    }

    #[test]
    fn sums_of_all_rows_fit() {
        for rows in [1usize, 1 << 14, 1 << 21, 1 << 26, 1 << 31] {
            let fixed = Scale::for_targets(1.0, rows).to_fixed(1.0);
            assert!((2 * fixed as i128) * (rows as i128) < 1i128 << 63, "{rows}");
        }
        assert_eq!(Scale::for_targets(0.99, 1 << 20).exponent(), -40);
    }
}
