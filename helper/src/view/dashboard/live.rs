//! The file from which a notebook's page updates its dashboard.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::summary::Summary;
use crate::cluster::Log;
use crate::error::{Error, ErrorKind, Result};
use crate::platform::{project_root, write};

/// The folder of these files, below the project's.
const FOLDER: &str = "runs/live";
/// The file is written at most once in this time.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes the file while it exists; dropped, it removes the file.
pub(super) struct Live {
    /// `runs/live/PID-START.html`.
    path: String,
    /// Dropping it ends the thread.
    _stop: Sender<()>,
}

impl Live {
    /// The one of this log; made at the first call, and kept by the log.
    pub(super) fn of(log: &Arc<Log>) -> Result<Arc<Self>> {
        let mut attached = log.attached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = attached.clone().and_then(|there| there.downcast().ok()) {
            return Ok(there);
        }
        let started = Arc::new(Self::start(log)?);
        *attached = Some(started.clone());
        Ok(started)
    }

    /// Starts the thread that writes the file when something has changed in the cluster.
    fn start(log: &Arc<Log>) -> Result<Self> {
        remove_stale(&project_root().join(FOLDER));
        let start = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let path = format!("{FOLDER}/{}-{start:x}.html", std::process::id());
        let file = project_root().join(&path);
        let summary = Summary::of(log);
        write(&file, &summary.live_html())?;
        let (stop, stopped) = mpsc::channel();
        let (log, mut seen) = (Arc::downgrade(log), summary.stamp());
        let run = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let Some(summary) = log.upgrade().map(|log| Summary::of(&log)) else { break };
                // If this write fails, the next may succeed; the page keeps its last picture.
                if summary.stamp() != seen && write(&file, &summary.live_html()).is_ok() {
                    seen = summary.stamp();
                }
            }
            remove(&file);
        };
        std::thread::Builder::new().name("dashboard".to_owned()).spawn(run).map_err(|e| {
            Error::new(ErrorKind::Io, format!("the system gave no thread for the dashboard ({e}); try again"))
        })?;
        Ok(Self { path, _stop: stop })
    }

    /// A script that updates the element before it from the file, which Jupyter's own server serves. The
    /// notebook's path below the server's folder is known to the page; the project's folder is one of its parents.
    /// Where the file is not found or is gone, the picture stays.
    pub(super) fn script(&self) -> String {
        format!("<script>{}</script>", include_str!("live.js").replace("PATH", &self.path))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        remove(&project_root().join(&self.path));
    }
}

/// A file that cannot be removed is removed as stale later.
fn remove(file: &Path) {
    let _ = fs::remove_file(file);
}

/// Removes the files of processes that have ended.
fn remove_stale(folder: &Path) {
    let mut system = System::new();
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(Ok(pid)) = name.split_once('-').map(|(pid, _)| pid.parse().map(Pid::from_u32)) else {
            continue;
        };
        let ask = ProcessRefreshKind::nothing().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ask);
        if system.process(pid).is_none() {
            remove(&file.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cluster;

    /// Waits for the thread to do something.
    fn wait_until(done: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(20), "nothing happened");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn the_file_follows_the_cluster_and_ends_with_it() {
        let cluster = Cluster::local_with(1).unwrap();
        let (one, two) = (cluster.dashboard().unwrap(), cluster.dashboard().unwrap());
        assert_eq!(one.live.path, two.live.path);
        let file = project_root().join(&one.live.path);
        assert!(file.exists() && one.live.script().contains(&one.live.path));
        let before = fs::read_to_string(&file).unwrap();
        cluster.get(&cluster.options().name("<b>").remote((), |()| 1)).unwrap();
        cluster.report("10 <trees>", &[("MSE", 0.5), ("done", 1.0), ("of", 4.0), ("seconds left", 2.0)]);
        wait_until(|| fs::read_to_string(&file).unwrap().contains("1 of 4 models done"));
        let after = fs::read_to_string(&file).unwrap();
        assert!(after != before && after.contains("&lt;b&gt;") && !after.contains("<b>\""), "{after}");
        assert!(
            after.contains("10 &lt;trees&gt;") && after.contains("3 to go, about 2.00 s left"),
            "{after}"
        );
        // Nothing changes, so nothing is written.
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        std::thread::sleep(3 * PAUSE);
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
        drop((one, two, cluster));
        wait_until(|| !file.exists());
    }

    #[test]
    fn files_of_ended_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let ended =
            std::process::Command::new("true").spawn().and_then(|mut child| child.wait().map(|_| child.id()));
        let names =
            [format!("{}-1.html", ended.unwrap()), format!("{}-1.html", std::process::id()), "x".to_owned()];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        remove_stale(folder.path());
        assert_eq!(names.map(|name| folder.path().join(name).exists()), [false, true, true]);
    }
}
