//! Results that are not of the sweep and the split as they are now.

use super::Sweep;
use super::outcome::{Outcome, difference};
use crate::data::Split;

impl Outcome {
    /// Why this is not what the sweep would give on the split; `None` where it is.
    pub(crate) fn differs(&self, sweep: &Sweep, split: &Split) -> Option<String> {
        let settings = &sweep.settings;
        let of_sweep = [
            ("the learner is", self.learner.to_string(), settings.learner.to_string()),
            ("oob_score is", self.has_oob().to_string(), settings.oob_score.to_string()),
        ];
        let of_sweep = of_sweep.map(|(what, there, now)| [what.to_owned(), there, now]);
        let mut of_sweep = of_sweep.into_iter().filter(|[_, there, now]| there != now);
        if self.identity != split.identity() {
            let remedy = "put the split again, `cluster.put(..)`, and run its cell again";
            return Some(format!("is of other rows than the split has now: {remedy}"));
        }
        let [what, there, now] = of_sweep.next().or_else(|| difference(&self.params(), &sweep.models()))?;
        Some(format!("is of another sweep: {what} {there} there, but {now} now; run its cell again"))
    }
}
