//! Values of a hyperparameter: one or many.

use std::iter::StepBy;
use std::ops::{Range, RangeInclusive};

use forest::{MaxFeatures, MaxSamples};

use crate::error::{Error, Result};

/// One value, or an array, a `Vec`, a slice or a range of values, also with `step_by`. Where a hyperparameter
/// may be `None`, its values may be given with or without `Some`; a list with `None` in it needs `Some`, as in
/// `[Some(3), None]`, since an array's elements have one type.
///
/// ```
/// use helper::Sweep;
///
/// let sweep = Sweep::over_n_estimators((50..=340).step_by(10))
///     .max_depth([4, 8, 12])
///     .min_samples_leaf(1..4)
///     .max_features(["sqrt", "log2"])
///     .seed(42);
/// assert_eq!(sweep.models().len(), 30 * 3 * 3 * 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value for this hyperparameter",
    label = "expected one value of type `{T}`, or a list or range of them",
    note = "numbers of trees, splits or samples and seeds are whole numbers of 0 or more: `5`, `[5, 10]`, `vec![5, 10]`, `5..=10`, `(50..=340).step_by(10)`",
    note = "`max_depth` may be `None`, in a list `[Some(3), None]`; `max_features` may be `3`, `0.5`, `\"sqrt\"` or `\"log2\"`; `max_samples` may be `1000`, `0.5` or `None`"
)]
pub trait Values<T> {
    /// The values, in order.
    ///
    /// # Errors
    /// If a text names no value; the sweep returns this error when it runs.
    fn values(self) -> Result<Vec<T>>;
}

macro_rules! one {
    ($($from:ty => $to:ty: $convert:expr;)*) => {$(
        impl Values<$to> for $from {
            fn values(self) -> Result<Vec<$to>> {
                let convert: fn($from) -> Result<$to> = $convert;
                Ok(vec![convert(self)?])
            }
        }
    )*};
}

one! {
    usize => usize: Ok;
    u64 => u64: Ok;
    f64 => f64: Ok;
    bool => bool: Ok;
    Option<usize> => Option<usize>: Ok;
    usize => Option<usize>: |depth| Ok(Some(depth));
    MaxFeatures => MaxFeatures: Ok;
    usize => MaxFeatures: |count| Ok(MaxFeatures::Count(count));
    f64 => MaxFeatures: |part| Ok(MaxFeatures::Fraction(part));
    &str => MaxFeatures: named;
    Option<MaxSamples> => Option<MaxSamples>: Ok;
    MaxSamples => Option<MaxSamples>: |samples| Ok(Some(samples));
    usize => Option<MaxSamples>: |count| Ok(Some(MaxSamples::Count(count)));
    f64 => Option<MaxSamples>: |part| Ok(Some(MaxSamples::Fraction(part)));
}

fn named(name: &str) -> Result<MaxFeatures> {
    match name {
        "all" => Ok(MaxFeatures::All),
        "sqrt" => Ok(MaxFeatures::Sqrt),
        "log2" => Ok(MaxFeatures::Log2),
        _ => {
            let allowed =
                "\"sqrt\", \"log2\", \"all\", a number of features such as 3, or a fraction such as 0.5";
            Err(Error::invalid("max_features", format!("\"{name}\""), allowed))
        }
    }
}

fn all<T>(values: impl IntoIterator<Item: Values<T>>) -> Result<Vec<T>> {
    Ok(values.into_iter().map(Values::values).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

macro_rules! many {
    ($([$($generics:tt)*] $list:ty;)*) => {$(
        impl<T, V: Values<T>, $($generics)*> Values<T> for $list
        where
            $list: IntoIterator<Item = V>,
        {
            fn values(self) -> Result<Vec<T>> {
                all(self)
            }
        }
    )*};
}

many! {
    [] Vec<V>;
    [const N: usize] [V; N];
    [] Range<V>;
    [] RangeInclusive<V>;
    [I] StepBy<I>;
}

impl<T, V: Values<T> + Clone> Values<T> for &[V] {
    fn values(self) -> Result<Vec<T>> {
        all(self)
    }
}

impl<T, V: Values<T> + Clone> Values<T> for &V {
    fn values(self) -> Result<Vec<T>> {
        self.clone().values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::needless_borrows_for_generic_args, reason = "references are among the cases")]
    fn every_hyperparameter_takes_one_or_many() {
        fn check<T: PartialEq + std::fmt::Debug>(cases: Vec<(Result<Vec<T>>, Vec<T>)>) {
            for (case, (found, expected)) in cases.into_iter().enumerate() {
                assert_eq!(found.unwrap(), expected, "case {case}");
            }
        }
        fn of<T>(values: impl Values<T>) -> Result<Vec<T>> {
            values.values()
        }
        let (vec, array) = (vec![4, 8], [5, 10]);
        check::<usize>(vec![
            (of(10), vec![10]),
            (of([5, 10]), vec![5, 10]),
            (of(&array), vec![5, 10]),
            (of(&array[..1]), vec![5]),
            (of(vec![4, 8]), vec![4, 8]),
            (of(&vec), vec![4, 8]),
            (of(&vec[1..]), vec![8]),
            (of(1..4), vec![1, 2, 3]),
            (of(1..=3), vec![1, 2, 3]),
            (of((50..=70).step_by(10)), vec![50, 60, 70]),
            (of((50..70).step_by(10)), vec![50, 60]),
            (of([1..=2, 7..=8]), vec![1, 2, 7, 8]),
            (of(10..10), vec![]),
        ]);
        check::<u64>(vec![(of(7), vec![7]), (of([1, 2]), vec![1, 2]), (of(0..3), vec![0, 1, 2])]);
        check::<f64>(vec![(of(0.5), vec![0.5]), (of([0.0, 0.5]), vec![0.0, 0.5])]);
        check::<bool>(vec![(of(false), vec![false]), (of([true, false]), vec![true, false])]);
        check::<Option<usize>>(vec![
            (of(20), vec![Some(20)]),
            (of(None), vec![None]),
            (of(Some(3)), vec![Some(3)]),
            (of([4, 8]), vec![Some(4), Some(8)]),
            (of([Some(4), None]), vec![Some(4), None]),
            (of(vec![4, 8]), vec![Some(4), Some(8)]),
            (of(&vec), vec![Some(4), Some(8)]),
            (of(4..6), vec![Some(4), Some(5)]),
            (of(4..=5), vec![Some(4), Some(5)]),
            (of((4..=20).step_by(8)), vec![Some(4), Some(12), Some(20)]),
        ]);
        use MaxFeatures::{All, Count, Fraction, Log2, Sqrt};
        check::<MaxFeatures>(vec![
            (of(3), vec![Count(3)]),
            (of(0.5), vec![Fraction(0.5)]),
            (of("sqrt"), vec![Sqrt]),
            (of(All), vec![All]),
            (of([2, 4, 8]), vec![Count(2), Count(4), Count(8)]),
            (of([0.3, 1.0]), vec![Fraction(0.3), Fraction(1.0)]),
            (of(["sqrt", "log2", "all"]), vec![Sqrt, Log2, All]),
            (of([Sqrt, Count(2)]), vec![Sqrt, Count(2)]),
            (of(1..=2), vec![Count(1), Count(2)]),
            (of((1..8).step_by(4)), vec![Count(1), Count(5)]),
        ]);
        check::<Option<MaxSamples>>(vec![
            (of(0.5), vec![Some(MaxSamples::Fraction(0.5))]),
            (of([100, 200]), vec![Some(MaxSamples::Count(100)), Some(MaxSamples::Count(200))]),
            (of([None, Some(MaxSamples::Count(9))]), vec![None, Some(MaxSamples::Count(9))]),
        ]);
        let refused = of::<MaxFeatures>(["sqrt", "sqr"]).unwrap_err().to_string();
        assert!(refused.contains("max_features is \"sqr\"") && refused.contains("\"log2\""), "{refused}");
    }
}
