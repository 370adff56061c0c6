//! How a cross-validation shows itself.

use super::{Bundle, Show, Table, Text};
use crate::sweep::{CrossValidation, Validated, named, varied};
use crate::text::{count, score, seconds};

/// At most so many models are shown, the best first.
const MOST_ROWS: usize = 12;

impl Show for CrossValidation {
    fn bundle(&self) -> Bundle {
        let mut models = self.models();
        let columns = varied(&models.iter().map(|model| model.params).collect::<Vec<_>>());
        let (all, k) = (models.len(), self.folds.len());
        models.sort_by(|a, b| a.mean().total_cmp(&b.mean()));
        let title =
            format!("{}: {} on {k} folds, the best first", self.dataset, count(all, "model", "models"));
        let heads = columns.iter().map(|(name, _)| *name);
        let heads = heads.chain(["mean MSE", "deviation", "lowest", "highest", "best in"]);
        let lowest: Vec<f64> = (0..k)
            .map(|fold| models.iter().map(|model| model.mse[fold]).fold(f64::INFINITY, f64::min))
            .collect();
        let row = |model: &Validated| {
            let best = model.mse.iter().zip(&lowest).filter(|(mse, lowest)| mse == lowest).count();
            let (low, high) = model.range();
            let scores = [model.mean(), model.deviation(), low, high].map(score);
            let params = columns.iter().map(|(_, value)| value(&model.params));
            let folds = count(best, "fold", "folds");
            params.chain(scores).chain([folds]).map(Text::number).collect()
        };
        let shown = models.iter().take(MOST_ROWS).map(row);
        let mut table = Table::new(title, heads.collect::<Vec<_>>()).rows(shown).note(format!(
            "{k} times {} in {}. The deviation is that of one fold's error: what other test rows do to it. They move the errors of \
             all models alike, so two models are compared fold by fold: \"best in\" counts the folds in which a model has the \
             lowest error, ties for each.",
            count(all, "model", "models"),
            seconds(self.seconds)
        ));
        if all > MOST_ROWS {
            table = table.note(format!("The best {MOST_ROWS} of {all} are shown."));
        }
        for (i, fold) in self.folds.iter().enumerate() {
            for failed in &fold.failed {
                let params = named(&failed.params, &columns);
                table = table.note(format!("FAILED in fold {i}, and left out: {params}: {}.", failed.cause));
            }
        }
        table.bundle()
    }
}
