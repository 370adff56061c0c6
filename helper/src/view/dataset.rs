//! How a data set shows itself.

use std::fmt;

use polars_core::prelude::*;

use super::{Bundle, Show, Table, Text};
use crate::data::Dataset;
use crate::text::{decimals, number, significant, thousands};

/// How many rows are shown.
const HEAD: usize = 5;

impl Dataset {
    fn tables(&self) -> [Table; 2] {
        let names = self.names();
        let shape = format!(
            "{}: {} rows x {} features, target {}",
            self.name(),
            thousands(self.rows() as u64),
            names.len() - 1,
            self.target()
        );
        let columns = self.frame().columns();
        let first = HEAD.min(self.rows());
        let cell = |column: &Column, row| column.f64().ok().and_then(|values| values.get(row));
        let head = (0..first).map(|row| columns.iter().map(|column| shown(cell(column, row))).collect());
        let mut titles = vec!["column", "type", "mean", "std", "min", "25 %", "median", "75 %", "max"];
        // The columns of anybody's table have names alone.
        let described = names != self.units();
        titles.extend(described.then_some("what it is"));
        let summary = columns.iter().zip(self.units()).map(|(column, unit)| {
            let mut row =
                vec![Text::from(column.name().as_str()), Text::from(column.dtype().to_string().as_str())];
            row.extend(summary(column).unwrap_or_default().map(shown));
            row.extend(described.then(|| Text::from(unit.as_str())));
            row
        });
        [
            Table::new(format!("{shape}; the first {first} rows"), names.clone()).rows(head),
            Table::new("Every column", titles).rows(summary),
        ]
    }
}

impl Show for Dataset {
    fn bundle(&self) -> Bundle {
        let [head, summary] = self.tables().map(|table| table.bundle());
        Bundle { html: head.html + &summary.html, text: format!("{}\n{}", head.text, summary.text) }
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dataset({}, {} rows, {} columns)", self.name(), self.rows(), self.names().len())
    }
}

/// Mean, standard deviation (n - 1), minimum, quartiles (linear interpolation) and maximum, as pandas'
/// `describe`.
fn summary(column: &Column) -> PolarsResult<[Option<f64>; 7]> {
    let values = column.f64()?;
    let quantile = |q| values.quantile(q, QuantileMethod::Linear);
    let (low, median, high) = (quantile(0.25)?, quantile(0.5)?, quantile(0.75)?);
    Ok([values.mean(), values.std(1), values.min(), low, median, high, values.max()])
}

/// With four significant digits, so that nine columns fit a page.
fn shown(value: Option<f64>) -> Text {
    match value {
        None => Text::from("not known"),
        Some(x) if x.fract() != 0.0 && (1.0..1e6).contains(&x.abs()) => {
            Text::number(number(x, decimals(x.abs() / 1e3)))
        }
        Some(x) => Text::number(significant(x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_that_of_pandas() {
        // pandas.Series([1, 2, 4, 8]).describe()
        let column = Column::new("x".into(), [8.0, 1.0, 4.0, 2.0]);
        let [mean, deviation, rest @ ..] = summary(&column).unwrap().map(Option::unwrap);
        assert_eq!((mean, rest), (3.75, [1.0, 1.75, 3.0, 5.0, 8.0]));
        assert!((deviation - 3.095_695_936_834_452).abs() < 1e-12);
    }

    #[test]
    fn columns_without_a_description_have_no_column_for_it() {
        let frame = df!["x" => [1e200, 2.5e-7], "y" => [0, 12_345]].unwrap();
        let text = Dataset::from_frame("Mine", frame, "y").unwrap().to_string();
        assert!(text.contains("Mine: 2 rows x 1 features, target y; the first 2 rows"), "{text}");
        assert!(text.contains("1.000e200") && text.contains("2.500e-7") && text.contains("12,345"), "{text}");
        assert!(!text.contains("what it is"), "{text}");
    }
}
