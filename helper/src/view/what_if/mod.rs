//! How a replayed run shows itself: with sliders where scripts run, elsewhere as it was measured.

use plotters::style::RGBColor;
use serde_json::{Value, json};

use crate::chart::{model_colour, timeline};
use crate::sweep::WhatIf;
use crate::text::{count, escape, seconds, thousands};
use crate::view::figure::{drawn, picture};
use crate::view::{Bundle, Show};

impl WhatIf {
    fn sentence(&self) -> String {
        let run = &self.runs[0];
        format!(
            "{}: what if? A simulation with the measured times of {} of {}: each task goes to the first worker that is free. \
             What handing out a task takes, and that a worker is slow, is assumed. Measured speedups: {}.",
            run.dataset,
            count(run.tasks.len(), "task", "tasks"),
            count(run.models.len(), "model", "models"),
            self.projection.points()
        )
    }

    /// How many trees the tasks of the measured run have, at most.
    fn trees_per_task(&self) -> usize {
        self.runs[1].tasks.iter().map(|task| task.trees.len()).max().unwrap_or(1)
    }

    /// What the script replays; times are in seconds.
    fn data(&self) -> Value {
        let models = self.models();
        let model = |(index, tasks): (usize, &Vec<(usize, f64)>)| {
            let RGBColor(r, g, b) = model_colour(index, models.len());
            // Tenths of microseconds are enough for milliseconds of the whole.
            let tasks: Vec<_> = tasks.iter().map(|(trees, s)| (trees, (s * 1e7).round() / 1e7)).collect();
            json!({"colour": format!("#{r:02x}{g:02x}{b:02x}"), "tasks": tasks})
        };
        let measured = self.projection.measured.iter();
        json!({
            "sentence": self.sentence(),
            "serial": self.projection.serial,
            "models": models.iter().enumerate().map(model).collect::<Vec<_>>(),
            "measured": measured.map(|m| (m.workers, m.speedup)).collect::<Vec<_>>(),
            "workers": self.runs[1].workers,
            "trees": self.trees_per_task(),
        })
    }
}

impl Show for WhatIf {
    fn bundle(&self) -> Bundle {
        let picture = drawn(timeline(&self.runs[1]), picture);
        let sentence = self.sentence();
        let hint = "Sliders stand here where scripts run: in a trusted notebook and in the exported page. The picture shows \
                    what was measured.";
        // Nothing in the data ends the script.
        let data = self.data().to_string().replace('<', "\\u003c");
        let script = include_str!("what_if.js").replace("DATA", &data);
        let trees = self.trees_per_task();
        let times = [1, 2, 8, 64, 1024].map(|workers| {
            format!("{} {}", thousands(workers as u64), seconds(self.replayed(workers, trees, 0.0)))
        });
        Bundle {
            html: format!(
                "<div class=\"what-if\"><p>{} {hint}</p>{picture}</div><script>{script}</script>",
                escape(&sentence)
            ),
            text: format!(
                "{sentence}\nIn tasks of {} on so many workers: {}.\n",
                count(trees, "tree", "trees"),
                times.join(", ")
            ),
        }
    }
}
