//! How a sweep shows itself before it is run.

use super::{Bundle, Show, Table, Text};
use crate::sweep::{COLUMNS, Sweep};
use crate::text::count;

/// A list of more values than this is shortened.
const MOST_VALUES: usize = 6;

impl Show for Sweep {
    fn bundle(&self) -> Bundle {
        let models = self.models();
        let trees = models.iter().fold(0_usize, |sum, model| sum.saturating_add(model.n_estimators));
        let largest = models.iter().map(|model| model.n_estimators).max().unwrap_or(0);
        let title = format!(
            "{}, {}, {}",
            count(models.len(), "model", "models"),
            count(trees, "tree", "trees"),
            self.settings.learner
        );
        let rows = COLUMNS.iter().map(|(name, value)| {
            let mut values: Vec<String> = Vec::new();
            for value in models.iter().map(value) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            if values.len() > MOST_VALUES {
                values.splice(3..values.len() - 1, ["...".to_owned()]);
            }
            vec![Text::from(*name), Text::from(values.join(", "))]
        });
        Table::new(title, ["hyperparameter", "values"])
            .rows(rows)
            .note(format!(
                "By its trees, the largest model is {:.1} % of the work. A run prints how long the rest takes, once the \
                 first three seconds have passed.",
                100.0 * largest as f64 / trees.max(1) as f64
            ))
            .bundle()
    }
}

#[cfg(test)]
mod tests {
    use crate::sweep::{Learner, Sweep};

    #[test]
    fn a_sweep_shows_its_values_and_what_work_they_are() {
        let sweep = Sweep::over_n_estimators((50..=340).step_by(10)).max_depth([None, Some(8)]);
        let text = sweep.learner(Learner::Smartcore).to_string();
        for part in
            ["60 models, 11,700 trees, smartcore", "50, 60, 70, ..., 340", "None, 8", "is 2.9 % of the work"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
