//! Files of the report.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::data::project_root;
use crate::error::{Error, ErrorKind, Result};

/// `report/` in the project's folder: what a run leaves for a person to keep.
pub(crate) fn report_folder() -> PathBuf {
    project_root().join("report")
}

/// Writes a file whole: who reads it sees the old one or the new one, never a part, also when two
/// kernels write it at once.
pub(crate) fn write(path: &Path, content: &str) -> Result<()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let refused = |e: std::io::Error| {
        let message =
            format!("{} cannot be written: {e}; free some disk or make the folder writable", path.display());
        Error::new(ErrorKind::Io, message)
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    // The address tells apart the cells of one kernel, each of which counts for itself.
    let partial =
        path.with_file_name(format!(".{name}.{}.{:p}.{unique}", std::process::id(), &raw const NEXT));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(refused)?;
    }
    let written = std::fs::write(&partial, content).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|e| {
        // What is left of a failed attempt is of no use; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(&partial);
        refused(e)
    })
}
