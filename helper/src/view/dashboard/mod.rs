//! The dashboard of a cluster: its summary, kept up to date while the cluster lives; and a trace of its
//! tasks.

mod live;
mod summary;
mod trace;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use summary::Summary;

use crate::cluster::{Cluster, Log};
use crate::error::Result;
use crate::ray::RayCluster;
use crate::view::{Bundle, Show};
use live::Live;

/// A picture of what a cluster does that stays up to date; made by [`Cluster::dashboard`].
///
/// As the last line of a cell it shows the cluster's summary, and updates it twice a second while
/// later cells run. The updates come from Jupyter's own server, so that they arrive wherever the
/// notebook does. Elsewhere (an exported page, a report) the picture shows how things stood when the
/// cell ran.
#[derive(Clone)]
pub struct Dashboard {
    log: Arc<Log>,
    live: Arc<Live>,
}

macro_rules! watched {
    ($($cluster:ty),*) => { $(
        /// # What it does
        impl $cluster {
            /// A picture of the tasks, workers and results of this cluster that is updated while the
            /// cluster lives. All calls share one file in `runs/live/`, which ends with the cluster. Of a
            /// Ray cluster it shows the tasks that this process has it run.
            ///
            /// The latest `report` with metrics `done` and `of`, and perhaps `seconds left` and `best
            /// MSE`, is shown as progress; sweeps report so.
            ///
            /// # Errors
            /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the file cannot be written or the system
            /// gives no thread.
            pub fn dashboard(&self) -> Result<Dashboard> {
                Ok(Dashboard { log: Arc::clone(self.log()), live: Live::of(self.log())? })
            }

            /// How this cluster stands now: tasks by state, who worked when, results, failures.
            pub fn summary(&self) -> Summary {
                Summary::of(self.log())
            }

            /// Writes `report/trace.json`: what every worker did when, in the Trace Event Format. Open it at
            /// <https://ui.perfetto.dev>, which reads the file in the browser and sends it nowhere.
            ///
            /// Each stretch of a worker's time is a slice in its row, with the task, the attempt and the
            /// state. A task's name that consists of pairs of words, such as `model 3 trees 0..50`, gives
            /// arguments `model` and `trees` as well.
            ///
            /// # Errors
            /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the file cannot be written.
            pub fn save_trace(&self) -> Result<PathBuf> {
                trace::save(self.log())
            }
        }
    )* };
}

watched!(Cluster, RayCluster);

impl Show for Dashboard {
    fn bundle(&self) -> Bundle {
        let Bundle { html, text } = Summary::of(&self.log).bundle();
        Bundle { html: html + &self.live.script(), text }
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dashboard of {} workers", self.log.workers())
    }
}
