//! The dashboard of a cluster: a live page, the same as a still picture, and a trace of its tasks.
//!
//! The page is served on the loopback interface alone, under an address with a random token in it.
//! What it shows is drawn here, once for the page and for the still picture.

mod panels;
mod server;
mod summary;
#[cfg(test)]
mod tests;
mod trace;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use summary::Summary;

use crate::cluster::Cluster;
use crate::error::Result;
use crate::ray::RayCluster;
use crate::text::escape;
use crate::view::Bundle;
use server::Server;

/// A page that shows live what a cluster does; made by [`Cluster::dashboard`].
///
/// As the last line of a cell it shows itself in a frame, and goes on while later cells run. Where the
/// page cannot be had, because the kernel has ended or runs on another machine, the frame shows
/// how things stood when the cell ran.
#[derive(Clone)]
pub struct Dashboard {
    cluster: Cluster,
    server: Arc<Server>,
}

impl Cluster {
    /// Serves a page that shows the tasks, workers and results of this cluster while it works: to
    /// this machine alone, and to nobody who has not its address. One page serves all calls; it
    /// ends with the last handle to the cluster.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the system gives no port, thread or random number.
    pub fn dashboard(&self) -> Result<Dashboard> {
        let server = self.attached(|| Server::start(self.downgrade()))?;
        Ok(Dashboard { cluster: self.clone(), server })
    }

    /// How this cluster stands now, as a still picture that stays in a report: tasks by state, who
    /// worked when, results, failures.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}

impl RayCluster {
    /// As [`Cluster::dashboard`], of the tasks that this process has the Ray cluster run.
    ///
    /// # Errors
    /// As [`Cluster::dashboard`].
    pub fn dashboard(&self) -> Result<Dashboard> {
        self.shown().dashboard()
    }

    /// As [`Cluster::summary`].
    pub fn summary(&self) -> Summary {
        self.shown().summary()
    }

    /// As [`Cluster::save_trace`].
    ///
    /// # Errors
    /// As [`Cluster::save_trace`].
    pub fn save_trace(&self) -> Result<PathBuf> {
        self.shown().save_trace()
    }
}

impl Dashboard {
    /// The address of the page. Who has it can look at the page, nobody else.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Shows the page in a notebook.
    pub fn evcxr_display(&self) {
        Bundle::new(self.html(), self.to_string()).emit();
    }

    /// The page in a frame. An `object` rather than an `iframe`: where the page cannot be loaded,
    /// a browser shows what stands inside instead of an error.
    fn html(&self) -> String {
        let (url, port) = (escape(self.url()), self.server.port());
        format!(
            "<object data=\"{url}\" type=\"text/html\" aria-label=\"Dashboard of the cluster\" \
             style=\"width:100%;height:640px\">\
             <div style=\"padding:8px\"><p style=\"margin:4px 0\">The live page is not there: its kernel has ended, or runs \
             on another machine (then, with SSH, <code>ssh -L {port}:127.0.0.1:{port} MACHINE</code> brings it here). \
             This is how things stood when the cell ran.</p>{}</div></object>\
             <p style=\"margin:4px 0\">Live while the kernel runs, in a tab of its own too: \
             <a href=\"{url}\" target=\"_blank\" rel=\"noopener noreferrer\">{url}</a>. It can be opened on this machine \
             only, by who has this address.</p>",
            self.cluster.summary().html()
        )
    }
}

impl fmt::Display for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dashboard: {} (on this machine only, while the kernel runs)", self.url())
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the address, which is a secret.
        write!(f, "Dashboard of {:?}", self.cluster)
    }
}
