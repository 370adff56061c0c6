//! Where the raw table lies.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Names the table's place, and then no other place is tried.
const ENVIRONMENT: &str = "CALIFORNIA_HOUSING";
/// Set to anything but nothing or 0, it forbids the stand-in.
pub(super) const REQUIRE_REAL: &str = "REQUIRE_REAL_DATA";
const FILE: &str = "cal_housing.data";

pub(super) fn environment() -> Option<PathBuf> {
    std::env::var_os(ENVIRONMENT).filter(|value| !value.is_empty()).map(Into::into)
}

/// The table: the file that the environment names, else in `data/`, else in `../shared/data/`;
/// `None` where it is in neither.
///
/// # Errors
/// [`ErrorKind::Data`] where something else than a file has the table's name.
pub(super) fn california(root: &Path, environment: Option<PathBuf>) -> Result<Option<PathBuf>> {
    if let Some(path) = environment {
        if path.is_file() {
            return Ok(Some(path));
        }
        let what = if path.is_dir() { "a folder, not a file" } else { "not a file" };
        let path = path.display();
        let message =
            format!("{ENVIRONMENT} names {path}, which is {what}; correct it, or unset it to look in data/");
        return Err(Error::new(ErrorKind::Data, message));
    }
    for path in places(root) {
        if path.is_file() {
            return Ok(Some(path));
        }
        // A link that leads nowhere is no file either, but whoever made it meant something.
        if path.symlink_metadata().is_ok() {
            let what = if path.is_dir() { "a folder" } else { "a link that leads nowhere" };
            let message =
                format!("{} is {what}, not a file; take it away, or put the table there", path.display());
            return Err(Error::new(ErrorKind::Data, message));
        }
    }
    Ok(None)
}

/// Says that the table is nowhere, where it was looked for, and how to get it.
pub(super) fn not_found(root: &Path) -> Error {
    let [own, shared] = places(root);
    let message = format!(
        "California Housing was not found: neither {} nor {} is there; run ./scripts/fetch-data to download it, put \
         {FILE} into one of these folders (data/README.md says where to get it), or name it in {ENVIRONMENT}",
        own.display(),
        shared.display()
    );
    Error::new(ErrorKind::Data, message)
}

fn places(root: &Path) -> [PathBuf; 2] {
    [root.join("data").join(FILE), root.join("../shared/data").join(FILE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        std::fs::create_dir_all(root.join("data")).unwrap();
        std::fs::create_dir_all(dir.path().join("shared/data")).unwrap();
        (dir, root)
    }

    #[test]
    fn data_comes_before_shared() {
        let (_dir, root) = project();
        let shared = root.join("../shared/data/cal_housing.data");
        std::fs::write(&shared, "x").unwrap();
        assert_eq!(california(&root, None).unwrap(), Some(shared));
        let own = root.join("data/cal_housing.data");
        std::fs::write(&own, "x").unwrap();
        assert_eq!(california(&root, None).unwrap(), Some(own));
    }

    #[test]
    fn the_environment_stands_alone() {
        let (_dir, root) = project();
        std::fs::write(root.join("data/cal_housing.data"), "x").unwrap();
        let error = california(&root, Some(root.join("nowhere.data"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains("nowhere.data"), "{error}");
        let named = root.join("named.data");
        std::fs::write(&named, "x").unwrap();
        assert_eq!(california(&root, Some(named.clone())).unwrap(), Some(named));
    }

    #[test]
    fn nowhere_names_every_place() {
        let (_dir, root) = project();
        assert_eq!(california(&root, None).unwrap(), None);
        let error = not_found(&root).to_string();
        assert!(
            error.contains("project/data") && error.contains("shared/data") && error.contains(ENVIRONMENT),
            "{error}"
        );
    }

    #[test]
    fn a_folder_in_its_place_is_no_reason_to_look_elsewhere() {
        let (_dir, root) = project();
        let own = root.join("data/cal_housing.data");
        std::fs::write(root.join("../shared/data/cal_housing.data"), "x").unwrap();
        std::fs::create_dir(&own).unwrap();
        let error = california(&root, None).unwrap_err().to_string();
        assert!(error.contains("data/cal_housing.data is a folder, not a file"), "{error}");
        let error = california(&root, Some(own)).unwrap_err().to_string();
        assert!(error.contains("which is a folder, not a file"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_said() {
        let (_dir, root) = project();
        std::os::unix::fs::symlink(root.join("gone"), root.join("data/cal_housing.data")).unwrap();
        let error = california(&root, None).unwrap_err().to_string();
        assert!(error.contains("a link that leads nowhere"), "{error}");
    }
}
