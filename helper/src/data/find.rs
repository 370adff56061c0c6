//! Where the raw table lies.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Names the table's place, and then no other place is tried.
pub(crate) const ENVIRONMENT: &str = "CALIFORNIA_HOUSING";
const FILE: &str = "cal_housing.data";

/// The folder that holds `Ray.ipynb`, `helper/` and `data/`.
pub(crate) fn project_root() -> &'static Path {
    let helper = Path::new(env!("CARGO_MANIFEST_DIR"));
    helper.parent().unwrap_or(helper)
}

/// The table: the file that the environment names, else in `data/`, else in `../shared/data/`.
pub(crate) fn california(root: &Path, environment: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = environment {
        return match path.is_file() {
            true => Ok(path),
            false => Err(Error::new(
                ErrorKind::Data,
                format!(
                    "{ENVIRONMENT} names {}, which is not a file; correct it, or unset it to look in data/",
                    path.display()
                ),
            )),
        };
    }
    let places = [root.join("data").join(FILE), root.join("../shared/data").join(FILE)];
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        Error::new(
            ErrorKind::Data,
            format!(
                "California Housing was not found: neither {} nor {} is a file; put {FILE} into one of these \
                 folders (data/README.md says where to get it), or name it in {ENVIRONMENT}",
                places[0].display(),
                places[1].display()
            ),
        )
    })
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
        assert_eq!(california(&root, None).unwrap(), shared);
        let own = root.join("data/cal_housing.data");
        std::fs::write(&own, "x").unwrap();
        assert_eq!(california(&root, None).unwrap(), own);
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
        assert_eq!(california(&root, Some(named.clone())).unwrap(), named);
    }

    #[test]
    fn nowhere_names_every_place() {
        let (_dir, root) = project();
        let error = california(&root, None).unwrap_err().to_string();
        assert!(
            error.contains("project/data") && error.contains("shared/data") && error.contains(ENVIRONMENT),
            "{error}"
        );
    }
}
