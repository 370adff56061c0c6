//! What a driver needs on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// The files, and how long is waited for the driver.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) python: PathBuf,
    pub(super) driver: PathBuf,
    /// A worker library for each kind of machine, such as `x86_64-linux`.
    pub(super) libraries: BTreeMap<String, PathBuf>,
    pub(super) limits: Limits,
}

#[derive(Debug)]
pub(super) struct Limits {
    /// For Python to load Ray, and to join a cluster.
    pub(super) join: Duration,
    /// The same, and to start a local cluster.
    pub(super) start: Duration,
    /// For the driver to end by itself before it is killed.
    pub(super) grace: Duration,
}

const LIMITS: Limits =
    Limits { join: Duration::from_secs(120), start: Duration::from_secs(240), grace: Duration::from_secs(8) };

impl Setup {
    /// The files of this project, unless environment variables name others.
    ///
    /// # Errors
    /// [`ErrorKind::NotInstalled`] where one of them is not there.
    pub(super) fn of_project() -> Result<Self> {
        let helper = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::find(helper.parent().unwrap_or(helper), |name| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        })
    }

    fn find(project: &Path, named: impl Fn(&str) -> Option<PathBuf>) -> Result<Self> {
        let place = |name, path| named(name).unwrap_or_else(|| project.join(path));
        let python = place("RAY_LAB_PYTHON", ".venv/bin/python");
        if !python.is_file() {
            return Err(missing("Python", &python, "run ./scripts/setup, which makes .venv with Ray in it"));
        }
        let driver = place("RAY_LAB_DRIVER", "helper/ray-worker").join("driver.py");
        if !driver.is_file() {
            return Err(missing("the driver", &driver, "get the project's files again"));
        }
        let home = place("RAY_LAB_WORKERS", ".tools/ray-worker");
        let libraries = libraries(&home);
        if libraries.is_empty() {
            let remedy =
                "run ./scripts/setup, or: cargo build --release -p ray-worker --target-dir .tools/ray-worker";
            return Err(missing("the worker library", &home.join("release").join(file(&here())), remedy));
        }
        Ok(Self { python, driver, libraries, limits: LIMITS })
    }
}

fn missing(what: &str, path: &Path, remedy: &str) -> Error {
    Error::new(ErrorKind::NotInstalled, format!("{what} is not at {}; {remedy}", path.display()))
}

/// This kind of machine.
fn here() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

fn file(kind: &str) -> &'static str {
    if kind.ends_with("macos") { "libray_worker.dylib" } else { "libray_worker.so" }
}

/// The library that was built here, in `release`, and those for other machines, in folders named for these.
fn libraries(home: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::from([(here(), home.join("release").join(file(&here())))]);
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let kind = entry.file_name().to_string_lossy().into_owned();
        if kind.ends_with("-linux") || kind.ends_with("-macos") {
            found.insert(kind.clone(), entry.path().join(file(&kind)));
        }
    }
    found.retain(|_, path| path.is_file());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let project = tempfile::tempdir().unwrap();
        let find = || Setup::find(project.path(), |_| None);
        for (path, says) in [
            (".venv/bin/python".to_owned(), "./scripts/setup"),
            ("helper/ray-worker/driver.py".to_owned(), "the driver is not at"),
            (format!(".tools/ray-worker/release/{}", file(&here())), "cargo build --release -p ray-worker"),
        ] {
            let error = find().unwrap_err();
            let text = error.to_string();
            assert_eq!(error.kind(), ErrorKind::NotInstalled);
            assert!(text.contains(says) && text.contains(&path), "{text}");
            touch(&project.path().join(path));
        }
        assert!(find().unwrap().libraries.contains_key(&here()));
        let elsewhere = |name: &str| (name == "RAY_LAB_WORKERS").then(|| project.path().join("nowhere"));
        assert!(Setup::find(project.path(), elsewhere).unwrap_err().to_string().contains("nowhere/release"));
    }

    #[test]
    fn libraries_are_found_by_kind() {
        let home = tempfile::tempdir().unwrap();
        let other = if cfg!(target_arch = "aarch64") { "x86_64-linux" } else { "aarch64-linux" };
        touch(&home.path().join("release").join(file(&here())));
        touch(&home.path().join(other).join(file(other)));
        std::fs::create_dir(home.path().join("sparc-linux")).unwrap();
        let mut expected = [here(), other.to_owned()];
        expected.sort();
        assert!(libraries(home.path()).keys().eq(&expected));
    }
}
