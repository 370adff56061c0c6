//! How a projection shows itself.

use super::{Bundle, Show, Table, Text};
use crate::sweep::{MOST_WORKERS, Projection};
use crate::text::thousands;

impl Projection {
    /// What was measured, in words.
    pub(crate) fn points(&self) -> String {
        let point = |m: &crate::sweep::Measured| format!("{:.2} on {} ({})", m.speedup, m.workers, m.how);
        match &self.measured[..] {
            [] => "nothing, for the machine was disturbed or the work was not the same; see the comparison"
                .to_owned(),
            points => points.iter().map(point).collect::<Vec<_>>().join(", "),
        }
    }

    fn table(&self) -> Table {
        // Without the number of tasks, which stands in the chart.
        let policies = self.policies.iter().filter_map(|policy| policy.name.split(':').next());
        let heads = ["workers", "Amdahl"].into_iter().chain(policies);
        let row = |power: u32| {
            let workers = 1 << power;
            let speedups = std::iter::once(self.amdahl(workers)).chain(self.speedups(workers));
            let speedups = speedups.map(|speedup| Text::number(format!("{speedup:.2}")));
            std::iter::once(Text::number(thousands(workers as u64))).chain(speedups).collect()
        };
        Table::new(format!("{}: speedup by number of workers, simulated", self.dataset), heads)
            .rows((0..=MOST_WORKERS.ilog2()).map(row))
            .note(format!("Measured: {}.", self.points()))
            .note(format!(
                "{:.3} % of the work is serial. With one task per model the speedup is at most {:.1}, on any number of workers: \
                 the whole work over the longest model{}.",
                100.0 * self.serial_share(),
                self.model_ceiling(),
                if self.shared { " (the trees that it has beyond the next smaller one)" } else { "" }
            ))
    }
}

impl Show for Projection {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}
