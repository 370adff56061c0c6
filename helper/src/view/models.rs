//! How models of any kind show themselves, and what a forest has learned.

use super::figure::drawn;
use super::{Bundle, Show, Table, Text};
use crate::chart;
use crate::models::{Importances, Intervals, Leaderboard, PartialDependence};
use crate::text::{count, number, quantity, score, significant, with_unit};

impl Show for Leaderboard {
    fn bundle(&self) -> Bundle {
        let entries = self.entries();
        let title = format!("{}: {}", self.dataset, count(entries.len(), "model", "models"));
        let rows = entries.iter().map(|entry| {
            let scores = entry.fitted.as_ref().map(|fitted| fitted.scores);
            let scores = scores.map(|scores| [scores.mse, scores.r2, scores.mae].map(score));
            let scores = scores.unwrap_or_else(|_| ["FAILED", "", ""].map(str::to_owned));
            let numbers = scores.into_iter().chain([number(entry.seconds, 2)]).map(Text::number);
            [Text::from(entry.name.as_str())].into_iter().chain(numbers).collect()
        });
        let table = Table::new(title, ["model", "MSE", "R2", "MAE", "seconds"]).rows(rows);
        let failed = entries.iter().filter_map(|entry| entry.fitted.as_ref().err());
        let table = failed.fold(table, |table, error| table.note(format!("FAILED: {error}.")));
        let note = "Errors are in units of the target (MSE: squared); seconds are the wall time of the model's task.";
        table.note(note).bundle()
    }
}

impl Show for Importances {
    fn bundle(&self) -> Bundle {
        let rows = self.features().iter().map(|of| {
            let permutation = match of.permutation.is_finite() {
                true => format!("{:.3} \u{b1} {:.3}", of.permutation, of.deviation),
                false => "undefined".to_owned(),
            };
            let numbers = [format!("{:.3}", of.impurity), permutation].map(Text::number);
            [Text::from(of.feature.as_str())].into_iter().chain(numbers).collect()
        });
        let title = format!("{}: importance of the features", self.dataset);
        let table = Table::new(title, ["feature", "impurity", "permutation"])
            .rows(rows)
            .note(
                "Impurity: the feature's share of what the splits take from the squared error of the training rows. It counts \
                 noise that was fitted, and favours features with many distinct values.",
            )
            .note(
                "Permutation: what R2 on the test rows loses when the feature's values are shuffled (mean and standard deviation \
                 of 5 times). Features that tell the same share it: the forest can do without one of them.",
            );
        let title = format!("{}: permutation importance, loss of R2", self.dataset);
        let bars = self.features().iter().map(|of| (of.feature.as_str(), of.permutation));
        let chart = drawn(chart::bars(&title, bars), |chart| chart.bundle().html);
        let Bundle { html, text } = table.bundle();
        Bundle { html: html + &chart, text }
    }
}

impl Show for Intervals {
    fn bundle(&self) -> Bundle {
        let (rows, [below, above]) = (self.rows(), self.outside());
        let part = |n: usize| format!("{:.1} %", 100.0 * n as f64 / rows as f64);
        let cells = [part(rows - below - above), part(below), part(above), score(self.mean_width())];
        // The standard error of a part of so many rows.
        let error = 100.0 * (self.level * (1.0 - self.level) / rows as f64).sqrt();
        let title =
            format!("{}: intervals for a level of {} %", self.dataset, significant(100.0 * self.level));
        Table::new(title, ["targets inside", "below", "above", "mean width"])
            .rows([cells.map(Text::number).to_vec()])
            .note(format!(
                "Measured on {}; chance alone moves the part inside by {error:.1} percentage points (standard error).",
                count(rows, "test row", "test rows")
            ))
            .bundle()
    }
}

impl Show for PartialDependence {
    fn bundle(&self) -> Bundle {
        let pairs = self.values.iter().zip(&self.predictions);
        let rows = pairs.map(|(value, mean)| [significant(*value), score(*mean)].map(Text::number).to_vec());
        let name = quantity(&self.target).0;
        let target = with_unit(name, &self.target);
        let title = format!("{}: mean prediction by {}", self.dataset, self.feature);
        let table = Table::new(&title, [&self.feature, &target]).rows(rows);
        let line = [(name, &self.predictions)];
        let chart = chart::lines(&format!("{title}, {target}"), (&self.feature, &self.values), line);
        Bundle { html: drawn(chart, |chart| chart.bundle().html), text: table.bundle().text }
    }
}
