//! One value or many: what a hyperparameter of a sweep may be given.

use std::ops::{Range, RangeInclusive};

/// One value, an array, a vector, a slice or a range: `100`, `[5, 10]`, `(50..=340).step_by(10)`.
pub trait Values<T> {
    /// The values, in order.
    fn values(self) -> Vec<T>;
}

macro_rules! one_or_many {
    ($($type:ty),*) => {$(
        impl Values<$type> for $type {
            fn values(self) -> Vec<$type> {
                vec![self]
            }
        }
    )*};
}

macro_rules! ranges {
    ($($type:ty),*) => {$(
        impl Values<$type> for Range<$type> {
            fn values(self) -> Vec<$type> {
                self.collect()
            }
        }

        impl Values<$type> for RangeInclusive<$type> {
            fn values(self) -> Vec<$type> {
                self.collect()
            }
        }
    )*};
}

one_or_many!(usize, u64, Option<usize>, super::MaxFeatures);
ranges!(usize, u64);

impl<T, I> Values<T> for std::iter::StepBy<I>
where
    std::iter::StepBy<I>: Iterator<Item = T>,
{
    fn values(self) -> Vec<T> {
        self.collect()
    }
}

impl<T> Values<T> for Vec<T> {
    fn values(self) -> Self {
        self
    }
}

impl<T: Clone> Values<T> for &[T] {
    fn values(self) -> Vec<T> {
        self.to_vec()
    }
}

impl<T: Clone> Values<T> for &Vec<T> {
    fn values(self) -> Vec<T> {
        self.clone()
    }
}

impl<T, const N: usize> Values<T> for [T; N] {
    fn values(self) -> Vec<T> {
        self.into()
    }
}

/// A depth may be given as a number as well as an `Option`.
impl Values<Option<usize>> for usize {
    fn values(self) -> Vec<Option<usize>> {
        vec![Some(self)]
    }
}

impl<const N: usize> Values<Option<usize>> for [usize; N] {
    fn values(self) -> Vec<Option<usize>> {
        self.into_iter().map(Some).collect()
    }
}

impl Values<Option<usize>> for RangeInclusive<usize> {
    fn values(self) -> Vec<Option<usize>> {
        self.map(Some).collect()
    }
}
