//! How successive halving shows itself.

use super::{Bundle, Show, Table, Text};
use crate::sweep::{Halving, Params, Rung, named, varied};
use crate::text::{count, score, seconds, thousands};

impl Show for Halving {
    fn bundle(&self) -> Bundle {
        let all: Vec<Params> = self.rungs[0].candidates.iter().map(|(params, _)| *params).collect();
        // Without the number of trees, which is that of the rung.
        let columns = varied(&all).split_off(1);
        let row = |rung: &Rung| {
            let (best, mse) = rung.candidates[0];
            let counts = [rung.candidates.len(), rung.n_estimators].map(|n| thousands(n as u64));
            let numbers = counts.into_iter().chain([score(mse)]).map(Text::number);
            numbers.chain([Text::from(named(&best, &columns))]).collect()
        };
        let title =
            format!("{}: successive halving of {}", self.dataset, count(all.len(), "model", "models"));
        let (grown, grid) = (self.trees_grown(), self.trees_of_grid());
        Table::new(title, ["candidates", "trees of each", "estimated MSE of the best", "best candidate"])
            .rows(self.rungs.iter().map(row))
            .note(format!(
                "{} grown in {}: each rung adds the new ones to those that are there. A grid with as many trees for every \
                 candidate as the last rung grows {}, {:.1} times as many.",
                count(grown, "tree", "trees"),
                seconds(self.seconds),
                thousands(grid as u64),
                grid as f64 / grown as f64
            ))
            .note(
                "The MSE is of the training rows, each predicted by the trees that were not grown on it (out of bag), less what \
                 more trees would take away by estimate: so a few trees tell which combination is best with many.",
            )
            .bundle()
    }
}
