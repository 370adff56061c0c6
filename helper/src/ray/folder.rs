//! The folder of a local Ray cluster, and the guard that ends the cluster and removes the folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::setup::Setup;
use crate::error::{Error, ErrorKind, Result};

/// Not the system's folder for temporary files: sockets lie in there, whose paths must be short.
const HOME: &str = "/tmp";
const PREFIX: &str = "ray-lab-";
/// A folder that is being made, without a cluster yet.
const NEW: &str = "new";
/// For the guard to end the cluster.
const PATIENCE: Duration = Duration::from_secs(35);
/// No folder takes that long to be made.
const OLD: Duration = Duration::from_secs(60);

/// A folder for a local cluster. It is removed together with every process of the cluster, also where this
/// process is killed: `guard.py`, a process of its own, does it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked for as long as this process lives.
    _lock: File,
    guard: Child,
}

impl Folder {
    /// Makes a folder, and removes those whose process and guard were both killed.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the folder cannot be made.
    pub(super) fn new(setup: &Setup) -> Result<Self> {
        for left in abandoned(Path::new(HOME), OLD) {
            // What cannot be removed now is removed the next time.
            let _ = guard(setup, &left).stdin(Stdio::null()).status();
        }
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("no folder for a Ray cluster could be made in {HOME}: {e}"))
        };
        let (path, lock) = locked(Path::new(HOME)).map_err(failed)?;
        let guard = guard(setup, &path).stdin(Stdio::piped()).spawn().map_err(failed)?;
        Ok(Self { path, _lock: lock, guard })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the guard which process starts the cluster, in a session of its own.
    pub(super) fn belongs_to(&mut self, driver: u32) {
        if let Some(stdin) = &mut self.guard.stdin {
            // Where the guard has died, the next `Folder::new` finds the folder.
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
        // Where the guard could not run, neither could Ray: nothing else is in the folder.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn guard(setup: &Setup, folder: &Path) -> Command {
    let mut command = Command::new(&setup.python);
    command.arg(setup.driver.with_file_name("guard.py")).arg(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1");
    // A signal to this process's group must not reach the guard.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Makes a folder that has been locked before it has its name: nobody takes it for abandoned.
fn locked(home: &Path) -> std::io::Result<(PathBuf, File)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = home.join(format!("{PREFIX}{}-{number}", std::process::id()));
        let new = path.with_extension(NEW);
        match std::fs::create_dir(&new) {
            // An earlier process with this number has left it.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        let lock = File::create(new.join("lock"))?;
        lock.lock()?;
        match std::fs::rename(&new, &path) {
            Ok(()) => return Ok((path, lock)),
            Err(_) if path.exists() => std::fs::remove_dir_all(&new)?,
            Err(e) => return Err(e),
        }
    }
}

/// The folders that no process has locked. One without a lock, or that is being made, must be old.
fn abandoned(home: &Path, old: Duration) -> Vec<PathBuf> {
    let is_old = |path: &Path| {
        let modified = std::fs::metadata(path).and_then(|about| about.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= old))
    };
    let left = |path: &PathBuf| match File::options().write(true).open(path.join("lock")) {
        Ok(lock) => lock.try_lock().is_ok() && (path.extension().is_none() || is_old(path)),
        Err(e) => e.kind() == std::io::ErrorKind::NotFound && is_old(path),
    };
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    ours.map(|entry| entry.path()).filter(left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_nobody_has_locked_are_abandoned() {
        let home = tempfile::tempdir().unwrap();
        for name in ["ray-lab-1-0", "something"] {
            std::fs::create_dir(home.path().join(name)).unwrap();
            File::create(home.path().join(name).join("lock")).unwrap();
        }
        std::fs::create_dir(home.path().join("ray-lab-3-0")).unwrap();
        let (held, _lock) = locked(home.path()).unwrap();
        assert_eq!(abandoned(home.path(), OLD), [home.path().join("ray-lab-1-0")]);
        let mut old = abandoned(home.path(), Duration::ZERO);
        old.sort();
        assert_eq!(old, ["ray-lab-1-0", "ray-lab-3-0"].map(|name| home.path().join(name)));
        assert!(held.join("lock").is_file() && !held.with_extension(NEW).exists());
    }

    #[test]
    fn a_folder_that_is_being_made_is_not_abandoned() {
        let home = tempfile::tempdir().unwrap();
        let new = home.path().join("ray-lab-1-0.new");
        std::fs::create_dir(&new).unwrap();
        // Made, and not locked yet.
        File::create(new.join("lock")).unwrap();
        assert!(abandoned(home.path(), OLD).is_empty());
        assert_eq!(abandoned(home.path(), Duration::ZERO), [new]);
    }
}
