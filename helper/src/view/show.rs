//! The one way in which values show themselves.

use std::fmt;

use super::{Dashboard, Machine, Sentences, Summary};
use crate::chart::Figure;
use crate::cluster::Tasks;
use crate::data::Dataset;
use crate::models::{Importances, Intervals, Leaderboard, PartialDependence};
use crate::ray::RayCluster;
use crate::sweep::{Comparison, CrossValidation, Halving, Outcome, Projection, Sweep, WhatIf};

/// One result in two formats: HTML for the notebook, text for whatever shows no HTML.
pub(crate) struct Bundle {
    pub(crate) html: String,
    pub(crate) text: String,
}

/// A value that a notebook shows; [`shown`] gives it `evcxr_display` and `Display`.
pub(crate) trait Show {
    fn bundle(&self) -> Bundle;

    /// What a notebook saves when it shows the value.
    fn saves(&self) {}

    /// Hands the bundle to the notebook's kernel.
    fn emit(&self) {
        self.saves();
        let Bundle { html, text } = self.bundle();
        evcxr_runtime::mime_type("text/html").text(html);
        evcxr_runtime::mime_type("text/plain").text(text);
    }
}

/// Shows any other value of a cell's last line by its `Debug`, as evcxr does by itself.
///
/// evcxr tries `(value).evcxr_display()` first. evcxr_runtime has a trait with a method of that name, so
/// the compiler refuses the call on a number whose type is not written (E0689, as in `let n = 2; n`), and
/// evcxr does not try `Debug` then. With this trait in scope the call compiles. evcxr's `:fmt` does not
/// count here.
pub trait DebugDisplay: fmt::Debug {
    /// Shows the value in a notebook.
    fn evcxr_display(&self) {
        evcxr_runtime::mime_type("text/plain").text(format!("{self:?}"));
    }
}

impl<T: fmt::Debug + ?Sized> DebugDisplay for T {}

/// Methods of the types themselves, so that a cell shows a value whatever it has imported.
macro_rules! shown {
    ($($shown:ty),* $(,)?) => { $(
        impl $shown {
            /// Shows the value in a notebook; evcxr calls this for the last line of a cell.
            pub fn evcxr_display(&self) {
                self.emit();
            }
        }

        impl fmt::Display for $shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.bundle().text)
            }
        }
    )* };
}

shown!(
    Comparison,
    CrossValidation,
    Projection,
    Dashboard,
    Dataset,
    Figure,
    Halving,
    Importances,
    Intervals,
    Leaderboard,
    Machine,
    Outcome,
    PartialDependence,
    RayCluster,
    Sentences,
    Summary,
    Sweep,
    Tasks,
    WhatIf
);
