//! Where the raw table of California Housing is.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Environment variable that names the file; where it is set, no other place is tried.
const VARIABLE: &str = "CALIFORNIA_HOUSING";
const FILE: &str = "cal_housing.data";

pub(super) fn environment() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(Into::into)
}

/// The file that the environment names, else that in `data/`, else that in `../shared/data/`.
///
/// # Errors
/// [`ErrorKind::Data`] where there is none, or something else than a file has its name.
pub(super) fn california(root: &Path, environment: Option<PathBuf>) -> Result<PathBuf> {
    let bad = |message| Err(Error::new(ErrorKind::Data, message));
    if let Some(path) = environment {
        if path.is_file() {
            return Ok(path);
        }
        let what = if path.is_dir() { "a folder, not a file" } else { "not a file" };
        let path = path.display();
        return bad(format!(
            "{VARIABLE} names {path}, which is {what}; correct it, or unset it to look in data/"
        ));
    }
    let places = [root.join("data").join(FILE), root.join("../shared/data").join(FILE)];
    for path in &places {
        if path.is_file() {
            return Ok(path.clone());
        }
        // A folder or a broken link was put there on purpose: say so instead of looking elsewhere.
        if path.symlink_metadata().is_ok() {
            let what = if path.is_dir() { "a folder" } else { "a link that leads nowhere" };
            let path = path.display();
            return bad(format!("{path} is {what}, not a file; take it away, or put the table there"));
        }
    }
    let [own, shared] = places.each_ref().map(|path| path.display());
    bad(format!(
        "California Housing was not found: neither {own} nor {shared} is there; run ./scripts/fetch-data in a terminal \
         to download it, put {FILE} into one of these folders (data/README.md says where to get it), or name it in \
         {VARIABLE}"
    ))
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

    fn refused(root: &Path, environment: Option<PathBuf>) -> String {
        let error = california(root, environment).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.to_string()
    }

    #[test]
    fn data_comes_before_shared() {
        let (_dir, root) = project();
        let shared = root.join("../shared/data/cal_housing.data");
        std::fs::write(&shared, "x").unwrap();
        assert_eq!(california(&root, None).unwrap(), shared);
        let own = root.join("data/cal_housing.data");
        std::fs::write(&own, "x").unwrap();
        assert_eq!(california(&root, None).unwrap(), own);
    }

    #[test]
    fn where_the_environment_names_a_file_no_other_is_taken() {
        let (_dir, root) = project();
        std::fs::write(root.join("data/cal_housing.data"), "x").unwrap();
        let error = refused(&root, Some(root.join("nowhere.data")));
        assert!(error.contains("nowhere.data"), "{error}");
        let named = root.join("named.data");
        std::fs::write(&named, "x").unwrap();
        assert_eq!(california(&root, Some(named.clone())).unwrap(), named);
    }

    #[test]
    fn a_missing_table_names_every_place_and_the_command() {
        let (_dir, root) = project();
        let error = refused(&root, None);
        for part in ["project/data", "shared/data", VARIABLE, "run ./scripts/fetch-data"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_folder_in_its_place_is_no_reason_to_look_elsewhere() {
        let (_dir, root) = project();
        let own = root.join("data/cal_housing.data");
        std::fs::write(root.join("../shared/data/cal_housing.data"), "x").unwrap();
        std::fs::create_dir(&own).unwrap();
        let error = refused(&root, None);
        assert!(error.contains("data/cal_housing.data is a folder, not a file"), "{error}");
        assert!(refused(&root, Some(own)).contains("which is a folder, not a file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_said() {
        let (_dir, root) = project();
        std::os::unix::fs::symlink(root.join("gone"), root.join("data/cal_housing.data")).unwrap();
        assert!(refused(&root, None).contains("a link that leads nowhere"));
    }
}
