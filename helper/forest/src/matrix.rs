//! Input: borrowed where it lies in one piece, copied where it does not.

use std::borrow::Cow;

use crate::Error;

/// A table of numbers, rows by columns, borrowed from the caller.
///
/// Comes from an `ndarray` view or array (feature `ndarray`), or from a slice.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    data: Cow<'a, [f64]>,
    rows: usize,
    columns: usize,
    /// Whether whole columns, rather than whole rows, follow each other.
    by_column: bool,
}

impl<'a> Matrix<'a> {
    /// Row after row of `columns` numbers each.
    ///
    /// # Errors
    /// If the numbers do not fill whole rows.
    pub fn from_rows(data: &'a [f64], columns: usize) -> Result<Self, Error> {
        Matrix::from_slice(data, columns, false)
    }

    /// Column after column, `columns` of them, of equal length.
    ///
    /// # Errors
    /// If the numbers do not fill whole columns.
    pub fn from_columns(data: &'a [f64], columns: usize) -> Result<Self, Error> {
        Matrix::from_slice(data, columns, true)
    }

    fn from_slice(data: &'a [f64], columns: usize, by_column: bool) -> Result<Self, Error> {
        let rows = data.len().checked_div(columns).unwrap_or(0);
        if rows * columns != data.len() {
            let (what, expected) = ("numbers in x (a multiple of its columns)", rows * columns);
            return Err(Error::Shape { what, found: data.len(), expected });
        }
        Ok(Matrix { data: Cow::Borrowed(data), rows, columns, by_column })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.columns
    }

    /// The number in a row of a column. Panics outside of the matrix.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        assert!(row < self.rows && column < self.columns, "({row}, {column}) is outside");
        if self.by_column {
            self.data[column * self.rows + row]
        } else {
            self.data[row * self.columns + column]
        }
    }

    /// Row after row, checked to be finite and to have the columns that the caller needs.
    pub(crate) fn rows_checked(&self, columns: usize) -> Result<Cow<'_, [f64]>, Error> {
        if self.columns != columns {
            return Err(Error::Shape { what: "columns of x", found: self.columns, expected: columns });
        }
        self.check_finite()?;
        Ok(if self.by_column && self.columns > 1 {
            let cells = (0..self.rows * columns).map(|i| self.get(i / columns, i % columns));
            Cow::Owned(cells.collect())
        } else {
            Cow::Borrowed(&self.data)
        })
    }

    pub(crate) fn check_finite(&self) -> Result<(), Error> {
        let Some(at) = self.data.iter().position(|v| !v.is_finite()) else {
            return Ok(());
        };
        let (row, column) = if self.by_column {
            (at % self.rows, at / self.rows)
        } else {
            (at / self.columns, at % self.columns)
        };
        let value = self.data[at];
        Err(Error::Value { what: "x", row, column, value, allowed: "finite numbers" })
    }
}

/// A column of numbers, borrowed from the caller.
#[derive(Clone, Debug)]
pub struct Vector<'a>(pub(crate) Cow<'a, [f64]>);

impl Vector<'_> {
    /// Checked to be finite and to have one number for each of `rows` rows.
    pub(crate) fn check(&self, what: &'static str, rows: usize) -> Result<(), Error> {
        if self.0.len() != rows {
            return Err(Error::Shape { what, found: self.0.len(), expected: rows });
        }
        match self.0.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(row) => {
                let (value, allowed) = (self.0[row], "finite numbers");
                Err(Error::Value { what, row, column: 0, value, allowed })
            }
        }
    }
}

impl<'a> From<&'a [f64]> for Vector<'a> {
    fn from(values: &'a [f64]) -> Self {
        Vector(Cow::Borrowed(values))
    }
}

impl<'a> From<&'a Vec<f64>> for Vector<'a> {
    fn from(values: &'a Vec<f64>) -> Self {
        Vector(Cow::Borrowed(values))
    }
}

#[cfg(feature = "ndarray")]
mod views {
    use super::{Cow, Matrix, Vector};
    use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

    impl<'a> From<ArrayView2<'a, f64>> for Matrix<'a> {
        fn from(view: ArrayView2<'a, f64>) -> Self {
            let (rows, columns) = view.dim();
            if let Some(data) = view.to_slice() {
                return Matrix { data: Cow::Borrowed(data), rows, columns, by_column: false };
            }
            if let Some(data) = view.reversed_axes().to_slice() {
                return Matrix { data: Cow::Borrowed(data), rows, columns, by_column: true };
            }
            let data = Cow::Owned(view.iter().copied().collect());
            Matrix { data, rows, columns, by_column: false }
        }
    }

    impl<'a> From<&'a Array2<f64>> for Matrix<'a> {
        fn from(array: &'a Array2<f64>) -> Self {
            array.view().into()
        }
    }

    impl<'a> From<ArrayView1<'a, f64>> for Vector<'a> {
        fn from(view: ArrayView1<'a, f64>) -> Self {
            match view.to_slice() {
                Some(values) => Vector(Cow::Borrowed(values)),
                None => Vector(Cow::Owned(view.iter().copied().collect())),
            }
        }
    }

    impl<'a> From<&'a Array1<f64>> for Vector<'a> {
        fn from(array: &'a Array1<f64>) -> Self {
            array.view().into()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use ndarray::s;

        #[test]
        fn every_memory_layout_reads_the_same() {
            let rows = Array2::from_shape_fn((4, 3), |(i, j)| (10 * i + j) as f64);
            let columns = rows.t().as_standard_layout().reversed_axes().to_owned();
            let wide = Array2::from_shape_fn((8, 6), |(i, j)| (10 * (i / 2) + j / 2) as f64);
            let strided = wide.slice(s![..;2, ..;2]);
            for m in [Matrix::from(&rows), Matrix::from(&columns), strided.into()] {
                assert_eq!((m.n_rows(), m.n_columns(), m.get(2, 1)), (4, 3, 21.0));
                assert_eq!(m.rows_checked(3).unwrap(), rows.as_slice().unwrap());
            }
        }
    }
}
