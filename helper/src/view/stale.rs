//! Which results are older than what they rest on.

use super::Sentences;
use crate::data::Split;
use crate::sweep::{Outcome, Sweep, difference};
use crate::text::count;

impl Sweep {
    /// Which of these runs are not of this sweep and this split as they are now, and what to run again: such
    /// as after a cell was edited, and those below it were not run.
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// let split = helper::data::friedman1(200, 5, 1.0, 1)?.split(0.2, 42)?;
    /// let sweep = helper::Sweep::over_n_estimators([5, 10]).max_depth(6).quiet();
    /// let run = sweep.run_sequential(&split)?;
    /// let sweep = sweep.max_depth(8);
    /// let said = sweep.stale(&split, [&run]).to_string();
    /// assert!(said.contains("max_depth of model 0 is 6 there, but 8 now; run its cell again"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stale<'a>(&self, split: &Split, runs: impl IntoIterator<Item = &'a Outcome>) -> Sentences {
        let runs: Vec<&Outcome> = runs.into_iter().collect();
        let (rows, models) = (split.identity(), self.models());
        let differs = |run: &&Outcome| {
            if run.identity != rows {
                let remedy = "put the split again, `cluster.put(..)`, and run its cell again";
                return Some(format!("\"{}\" is of other rows than the split has now: {remedy}.", run.how()));
            }
            let oob = self.settings.oob_score && self.settings.learner.leaves_out();
            let settings = [
                ["the learner is".to_owned(), run.learner.to_string(), self.settings.learner.to_string()],
                ["oob_score is".to_owned(), run.has_oob().to_string(), oob.to_string()],
            ];
            let setting = settings.into_iter().find(|[_, there, now]| there != now);
            let [what, there, now] = setting.or_else(|| difference(&run.params(), &models))?;
            let how = run.how();
            Some(format!(
                "\"{how}\" is of another sweep: {what} {there} there, but {now} now; run its cell again."
            ))
        };
        let stale: Vec<String> = runs.iter().filter_map(differs).collect();
        if stale.is_empty() {
            let runs = count(runs.len(), "run is", "runs are");
            return Sentences::new("Nothing is stale", vec![format!("{runs} of this sweep and this split.")]);
        }
        Sentences::new("Run again", stale)
    }
}
