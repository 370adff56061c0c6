//! A driver for tests: it speaks the protocol, and has no Ray.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::RayCluster;
use super::setup::{Limits, Setup};

/// The fake driver in a folder of its own, followed by what it does, in Python.
pub(super) fn setup(folder: &Path, does: &str) -> Setup {
    let driver = folder.join("driver.py");
    std::fs::write(&driver, format!("{}{does}", include_str!("fake_driver.py"))).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let python =
        std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|path| path.is_file());
    Setup {
        python: python.expect("python3 is on the PATH"),
        driver,
        libraries: BTreeMap::new(),
        limits: Limits {
            join: Duration::from_secs(60),
            start: Duration::from_secs(60),
            grace: Duration::from_secs(5),
        },
    }
}

/// A cluster of one node with two CPUs, whose driver goes on with what a test appends.
pub(crate) fn cluster(folder: &Path, does: &str) -> RayCluster {
    RayCluster::start(&setup(folder, &format!("ready()\n{does}")), Some("host:1"), None).unwrap()
}

/// The commands that the driver has read so far.
pub(crate) fn heard(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("heard")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
