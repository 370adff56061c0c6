//! What a driver needs to start, and what it says when it is ready.

use std::path::PathBuf;

use serde_json::Value;

use super::project;
use crate::error::{Error, ErrorKind, Result};

/// A node of a Ray cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Ray's name for it.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// How many tasks it runs at a time.
    pub cpus: usize,
}

/// A cluster that was joined.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) nodes: Vec<Node>,
    pub(super) address: String,
    pub(super) dashboard: Option<String>,
    /// What a cluster asks for that was started here.
    pub(super) token: Option<String>,
    pub(super) ray: String,
    pub(super) seconds: f64,
}

impl Ready {
    pub(super) fn of(said: &Value, ray: &str) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let node = |node: &Value| Node {
            id: text(&node["id"]),
            ip: text(&node["ip"]),
            cpus: node["cpus"].as_u64().unwrap_or(0) as usize,
        };
        Self {
            nodes: said["nodes"].as_array().into_iter().flatten().map(node).collect(),
            address: text(&said["address"]),
            dashboard: said["dashboard"].as_str().map(|at| format!("http://{at}")),
            token: said["token"].as_str().map(str::to_owned),
            ray: ray.to_owned(),
            seconds: said["seconds"].as_f64().unwrap_or(0.0),
        }
    }
}

/// Files that were found.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) python: PathBuf,
    pub(super) driver: PathBuf,
    /// For each kind of machine, such as `x86_64-linux`, the library.
    pub(super) libraries: Vec<(String, PathBuf)>,
}

impl Setup {
    /// # Errors
    /// [`ErrorKind::NotInstalled`] where one of them is not there.
    pub(super) fn of_project() -> Result<Self> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let python = named("RAY_LAB_PYTHON").unwrap_or_else(|| project(".venv/bin/python"));
        if !python.is_file() {
            return Err(missing("Python", &python, "run ./scripts/setup, which makes .venv with Ray in it"));
        }
        let driver =
            named("RAY_LAB_DRIVER").unwrap_or_else(|| project("helper/ray-worker")).join("driver.py");
        if !driver.is_file() {
            return Err(missing("the driver", &driver, "get the project's files again"));
        }
        let home = named("RAY_LAB_WORKERS").unwrap_or_else(|| project(".tools/ray-worker"));
        let libraries = libraries(&home);
        if libraries.is_empty() {
            let way =
                "run ./scripts/setup, or: cargo build --release -p ray-worker --target-dir .tools/ray-worker";
            return Err(missing("the worker library", &home.join("release").join(file(&here())), way));
        }
        Ok(Self { python, driver, libraries })
    }
}

fn missing(what: &str, path: &std::path::Path, way: &str) -> Error {
    Error::new(ErrorKind::NotInstalled, format!("{what} is not at {}; {way}", path.display()))
}

fn here() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

fn file(kind: &str) -> &'static str {
    if kind.ends_with("macos") { "libray_worker.dylib" } else { "libray_worker.so" }
}

/// The library that was built here, and those for other machines in folders named for these.
fn libraries(home: &std::path::Path) -> Vec<(String, PathBuf)> {
    let here = here();
    let mut found = vec![(here.clone(), home.join("release").join(file(&here)))];
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let kind = entry.file_name().to_string_lossy().into_owned();
        if kind.ends_with("-linux") || kind.ends_with("-macos") {
            let path = entry.path().join(file(&kind));
            found.retain(|(other, _)| *other != kind);
            found.push((kind, path));
        }
    }
    found.retain(|(_, path)| path.is_file());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_libraries_by_kind() {
        let home = tempfile::tempdir().unwrap();
        assert!(libraries(home.path()).is_empty());
        let other = if cfg!(target_arch = "aarch64") { "x86_64-linux" } else { "aarch64-linux" };
        for path in [format!("release/{}", file(&here())), format!("{other}/{}", file(other))] {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::create_dir(home.path().join("sparc-linux")).unwrap();
        let mut kinds: Vec<_> = libraries(home.path()).into_iter().map(|(kind, _)| kind).collect();
        kinds.sort();
        let mut expected = [here(), other.to_owned()];
        expected.sort();
        assert_eq!(kinds, expected);
        let sentence = missing("the worker library", home.path(), "build it").to_string();
        assert!(sentence.contains("worker library") && sentence.contains("build it"), "{sentence}");
    }
}
