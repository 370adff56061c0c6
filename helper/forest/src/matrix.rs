//! Input: numbers that the caller lends.

use std::borrow::Cow;

use crate::Error;

/// A table of numbers, rows by columns, borrowed from the caller.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f64],
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
            let what = format!("numbers in x, of {columns} columns,");
            return Err(Error::count(what, data.len(), rows * columns));
        }
        Ok(Matrix { data, rows, columns, by_column })
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
    pub(crate) fn rows_checked(&self, columns: usize) -> Result<Cow<'a, [f64]>, Error> {
        if self.columns != columns {
            return Err(Error::count("columns of x", self.columns, columns));
        }
        self.check_finite()?;
        Ok(if self.by_column && self.columns > 1 {
            let cells = (0..self.rows * columns).map(|i| self.get(i / columns, i % columns));
            Cow::Owned(cells.collect())
        } else {
            Cow::Borrowed(self.data)
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
        Err(Error::value(&format!("x in column {column}"), row, self.data[at], "a finite number"))
    }
}

/// Checks that a column has one finite number for each of `rows` rows.
pub(crate) fn check_column(values: &[f64], what: &str, rows: usize) -> Result<(), Error> {
    if values.len() != rows {
        return Err(Error::count(format_args!("values in {what}"), values.len(), rows));
    }
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::value(what, row, values[row], "a finite number")),
    }
}
