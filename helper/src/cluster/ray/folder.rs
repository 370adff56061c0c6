//! The folder of a Ray cluster of this machine's own: everything that it leaves on the disk.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::error::{Error, ErrorKind, Result};

// Not the system's folder for such things: sockets lie in there, and their paths must be short.
const HOME: &str = "/tmp";
const PREFIX: &str = "ray-lab-";

/// A folder that goes, and with it every process that was started to work in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held for as long as this process lives.
    _lock: File,
}

impl Folder {
    /// Makes one, and takes away those whose processes were killed before they could.
    pub(super) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        tidy(Path::new(HOME));
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
                    return Ok(Self { path, _lock: lock });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        clear(&self.path);
    }
}

/// Clears the folders that nobody holds.
fn tidy(home: &Path) {
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        match File::options().write(true).open(path.join("lock")) {
            Ok(lock) if lock.try_lock().is_ok() => clear(&path),
            // Half removed, unless it is just being made.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && is_old(&path) => clear(&path),
            // Held, or another user's.
            _ => {}
        }
    }
}

fn is_old(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|about| about.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > std::time::Duration::from_secs(60)))
}

/// Ends what works in the folder, known by its environment, and removes it.
fn clear(path: &Path) {
    let mut mark = OsString::from("RAY_TMPDIR=");
    mark.push(path);
    // Again: a process may start another, or write a file, before it is ended.
    for _ in 0..20 {
        let mut system = System::new();
        let ask = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always).without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, false, ask);
        let works_there = |environ: &[OsString]| environ.contains(&mark);
        system.processes().values().filter(|process| works_there(process.environ())).for_each(|process| {
            process.kill();
        });
        let _ = std::fs::remove_dir_all(path);
        if !path.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_folder_takes_its_processes_along() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        let mut there = Command::new("sleep").arg("600").env("RAY_TMPDIR", &path).spawn().unwrap();
        let mut elsewhere = Command::new("sleep").arg("600").env("RAY_TMPDIR", "/tmp").spawn().unwrap();
        tidy(Path::new(HOME));
        assert!(path.exists() && there.try_wait().unwrap().is_none(), "it is held");
        drop(folder);
        assert!(!there.wait().unwrap().success() && !path.exists());
        assert!(elsewhere.try_wait().unwrap().is_none());
        elsewhere.kill().unwrap();
        elsewhere.wait().unwrap();
    }

    #[test]
    fn folders_that_nobody_holds_go() {
        let home = tempfile::tempdir().unwrap();
        let [left, other] = [format!("{PREFIX}1-0"), "something".to_owned()].map(|n| home.path().join(n));
        for path in [&left, &other] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("lock"), "").unwrap();
        }
        tidy(home.path());
        assert!(!left.exists() && other.exists());
    }
}
