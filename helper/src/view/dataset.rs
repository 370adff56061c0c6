//! How a data set shows itself.

use std::fmt;

use super::{Bundle, Show, Table, Text};
use crate::data::Dataset;
use crate::text::escape;
use crate::text::thousands;

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
        let columns: Vec<Vec<f64>> = (0..names.len()).map(|c| self.values(c)).collect();
        let head =
            (0..HEAD.min(self.rows())).map(|row| columns.iter().map(|column| number(column[row])).collect());
        let summary = names.iter().zip(&columns).zip(self.units()).map(|((name, column), unit)| {
            let stats = Summary::of(column);
            let mut row = vec![Text::from(*name), Text::from("f64")];
            row.extend(
                [
                    stats.mean,
                    stats.deviation,
                    stats.min,
                    stats.quartiles[0],
                    stats.quartiles[1],
                    stats.quartiles[2],
                    stats.max,
                ]
                .map(number),
            );
            row.push(Text::from(unit.as_str()));
            row
        });
        let titles = ["column", "type", "mean", "std", "min", "25 %", "median", "75 %", "max", "what it is"];
        [
            Table::new(format!("{shape}; the first {HEAD} rows"), names.clone()).rows(head),
            Table::new("Every column", titles).rows(summary),
        ]
    }
}

impl Show for Dataset {
    fn bundle(&self) -> Bundle {
        let [head, summary] = self.tables().map(|table| table.bundle());
        let (banner_html, banner_text) = match self.banner() {
            Some(text) => (banner(text), format!("{text}\n\n")),
            None => Default::default(),
        };
        Bundle {
            html: banner_html + &head.html + &summary.html,
            text: format!("{banner_text}{}\n{}", head.text, summary.text),
        }
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dataset({}, {} rows, {} columns)", self.name(), self.rows(), self.names().len())
    }
}

/// Something that nobody must miss.
fn banner(text: &str) -> String {
    format!(
        "<div style=\"border:3px solid #d55e00;padding:8px 12px;margin:8px 0;max-width:60em;font-weight:bold\">{}</div>",
        escape(text)
    )
}

/// Five or so digits, whatever the size.
fn number(x: f64) -> Text {
    Text::number(match x.abs() {
        a if a >= 10_000.0 => format!("{x:.0}"),
        a if a >= 1_000.0 => format!("{x:.1}"),
        a if a >= 10.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    })
}

/// Mean, standard deviation (n - 1), and quantiles by linear interpolation, as pandas' `describe`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Summary {
    mean: f64,
    deviation: f64,
    min: f64,
    quartiles: [f64; 3],
    max: f64,
}

impl Summary {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            let at = q * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
            low + (high - low) * at.fract()
        };
        Self {
            mean,
            deviation,
            min: quantile(0.0),
            quartiles: [0.25, 0.5, 0.75].map(quantile),
            max: quantile(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_that_of_pandas() {
        // pandas.Series([1, 2, 4, 8]).describe()
        let summary = Summary::of(&[8.0, 1.0, 4.0, 2.0]);
        assert_eq!((summary.mean, summary.min, summary.max), (3.75, 1.0, 8.0));
        assert_eq!(summary.quartiles, [1.75, 3.0, 5.0]);
        assert!((summary.deviation - 3.095_695_936_834_452).abs() < 1e-12);
    }
}
