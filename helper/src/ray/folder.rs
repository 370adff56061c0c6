//! The folder of a Ray cluster of this machine's own, and the guard that takes both away.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::setup::Setup;
use crate::error::{Error, ErrorKind, Result};

// Not the system's folder for such things: sockets lie in there, and their paths must be short.
const HOME: &str = "/tmp";
const PREFIX: &str = "ray-lab-";
/// For the guard to do its work.
const PATIENCE: Duration = Duration::from_secs(35);

/// A folder that goes, and with it every process that was started to work in it: also where this process
/// is killed, since another one, `guard.py`, sees to it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held for as long as this process lives.
    _lock: File,
    guard: Child,
}

impl Folder {
    /// Makes one, and takes away those whose guards were killed too.
    pub(super) fn new(setup: &Setup) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        for left in abandoned(Path::new(HOME)) {
            // What cannot be cleared now is cleared the next time.
            let _ = guard(setup, &left).stdin(Stdio::null()).status();
        }
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("no folder for a Ray cluster could be made in {HOME}: {e}"))
        };
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = Path::new(HOME).join(format!("{PREFIX}{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    let lock = File::create(path.join("lock")).map_err(failed)?;
                    lock.lock().map_err(failed)?;
                    let guard = guard(setup, &path).stdin(Stdio::piped()).spawn().map_err(failed)?;
                    return Ok(Self { path, _lock: lock, guard });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A driver will start the cluster, in a session of its own.
    pub(super) fn belongs_to(&mut self, driver: u32) {
        if let Some(stdin) = &mut self.guard.stdin {
            // A guard that does not listen is missed when the cluster is to go.
            let _ = writeln!(stdin, "{driver}");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let until = Instant::now() + PATIENCE;
        while matches!(self.guard.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        // A Python that has not what a guard needs has no Ray either.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn guard(setup: &Setup, folder: &Path) -> Command {
    let mut command = Command::new(&setup.python);
    command.arg(setup.driver.with_file_name("guard.py")).arg(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1");
    // Who ends all of this process's group is not to end the guard.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// The folders that nobody holds.
fn abandoned(home: &Path) -> Vec<PathBuf> {
    let left = |path: &PathBuf| match File::options().write(true).open(path.join("lock")) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Half removed, unless it is just being made.
        Err(e) => e.kind() == std::io::ErrorKind::NotFound && is_old(path),
    };
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    ours.map(|entry| entry.path()).filter(left).collect()
}

fn is_old(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|about| about.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_secs(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_nobody_holds_are_abandoned() {
        let home = tempfile::tempdir().unwrap();
        let [left, held, other] = ["ray-lab-1-0", "ray-lab-2-0", "something"].map(|n| home.path().join(n));
        for path in [&left, &held, &other] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("lock"), "").unwrap();
        }
        std::fs::create_dir(home.path().join("ray-lab-3-0")).unwrap();
        let lock = File::create(held.join("lock")).unwrap();
        lock.lock().unwrap();
        assert_eq!(abandoned(home.path()), [left], "not one that is just being made");
    }
}
