//! Warnings on the results of a run, and on the times of a comparison.

use super::comparison::Comparison;
use super::outcome::Outcome;

impl Outcome {
    /// Its warnings, as sentences.
    pub(crate) fn cautions(&self) -> Vec<String> {
        self.warnings.iter().map(|warning| format!("Warning: {warning}.")).collect()
    }
}

impl Comparison {
    /// Warnings on the times, each with what to do about it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let above = self.ways.iter().filter(|way| way.claim().is_none());
        let above = above.filter_map(|way| {
            Some(format!(
                "Not measured: the speedup of \"{}\" was timed as {:.2}, above its ceiling of {:.2}, so the machine was disturbed \
                 during a run (another program ran, or the processor's clock changed); quit what else is running, and run the \
                 sweep again in all ways.",
                way.how, way.speedup?.median, way.ceiling
            ))
        });
        let disturbed = self.rounds.iter().enumerate();
        let disturbed = disturbed.filter_map(|(i, round)| Some((i + 1, round.disturbance.as_ref()?)));
        let disturbed: Vec<_> = disturbed.map(|(round, what)| format!("round {round} ({what})")).collect();
        let rounds = match disturbed.len() {
            0 => None,
            n if n < self.rounds() => Some(format!("Left out as disturbed: {}.", disturbed.join(", "))),
            _ => Some(format!(
                "Warning: every round was disturbed, so none is left out: {}; quit what else is running, take no more workers \
                 than the machine has cores, and run the sweep again.",
                disturbed.join(", ")
            )),
        };
        let missing = self.missing.as_ref();
        let missing = missing.map(|what| format!("Warning: {what}; the rounds before it are kept."));
        above.chain(rounds).chain(missing).collect()
    }
}
