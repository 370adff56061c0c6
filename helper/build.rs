//! Tells the helper the versions of the compiler and of the libraries that it is built with.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version
        .map_or_else(|_| "rustc".to_owned(), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    println!("cargo::rustc-env=HELPER_RUSTC={version}");

    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let lock = manifest.join("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let lock = fs::read_to_string(Path::new(&lock)).unwrap_or_default();
    for name in ["forest", "rayon", "smartcore", "polars-core", "plotters"] {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let version =
            lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("(unknown)");
        println!("cargo::rustc-env=HELPER_{}={version}", name.to_uppercase().replace('-', "_"));
    }
}
