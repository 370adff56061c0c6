//! Training rows in several files, so that no worker holds all of them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::split::{Rows, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::platform;

/// A split whose training rows are in files, the shards; made by [`Split::shard`].
///
/// A shard is a NumPy file: a table in Fortran order whose last column is the target. The hash of all
/// training rows is part of its name, so shards of several splits can share a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Shards {
    files: Vec<PathBuf>,
    rows: Vec<usize>,
    /// XXH3 of each file's numbers.
    hashes: Vec<u64>,
    split: Split,
}

impl Split {
    /// Writes the training rows into `parts` files of a folder; their sizes differ by at most one row. All
    /// machines of a Ray cluster must see the folder under the same path.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for no part, or more parts than rows; [`ErrorKind::Io`] if a file
    /// cannot be written.
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("helper-shards-{}", std::process::id()));
    /// let split = helper::data::friedman1(100, 5, 1.0, 42)?.split(0.2, 42)?;
    /// let shards = split.shard(3, &folder)?;
    /// assert_eq!(shards.rows(), [26, 27, 27]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn shard(&self, parts: usize, folder: impl AsRef<Path>) -> Result<Shards> {
        let n = self.train.len();
        if !(1..=n).contains(&parts) {
            let allowed = format!("from 1 to {n}, the number of training rows");
            return Err(Error::invalid("parts", parts, allowed));
        }
        let folder = std::path::absolute(folder.as_ref()).map_err(|e| {
            Error::new(ErrorKind::Io, format!("the shards' folder has no valid path: {e}; name a folder"))
                .caused_by(e)
        })?;
        let hash = self.train.hash();
        let ranges = (0..parts).map(|part| part * n / parts..(part + 1) * n / parts);
        let rows = ranges.clone().map(|range| range.len()).collect();
        let file = |part| folder.join(format!("shard-{hash:016x}-{part}-of-{parts}.npy"));
        let files: Vec<PathBuf> = (0..parts).map(file).collect();
        let mut hashes = Vec::with_capacity(parts);
        for (file, range) in files.iter().zip(ranges) {
            let mut bytes = head(range.len(), self.train.n_features() + 1);
            let start = bytes.len();
            bytes.extend(numbers(&self.train, range));
            hashes.push(xxh3_64(&bytes[start..]));
            platform::write(file, &bytes)?;
        }
        let split = Self { dataset: format!("{} in {parts} shards", self.dataset), ..self.clone() };
        Ok(Shards { files, rows, hashes, split })
    }
}

impl Shards {
    /// The files, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The rows of each file.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The bytes of numbers in the largest file: the training rows that one task holds.
    pub fn largest_bytes(&self) -> usize {
        8 * self.columns() * self.rows.iter().copied().max().unwrap_or(0)
    }

    /// The bytes of numbers in all files.
    pub fn bytes(&self) -> usize {
        8 * self.columns() * self.split.train.len()
    }

    /// The number of columns, target included.
    fn columns(&self) -> usize {
        self.split.train.n_features() + 1
    }

    /// The hash (XXH3) of a shard's numbers.
    pub(crate) fn hash(&self, part: usize) -> u64 {
        self.hashes[part]
    }

    pub(crate) fn split(&self) -> &Split {
        &self.split
    }

    /// The trees of a forest that grow on a shard.
    pub(crate) fn trees(parts: usize, part: usize, n_estimators: usize) -> Range<usize> {
        part * n_estimators / parts..(part + 1) * n_estimators / parts
    }

    /// The shard that a tree grows on.
    pub(crate) fn of_tree(&self, tree: usize, n_estimators: usize) -> usize {
        let parts = self.files.len();
        (0..parts).find(|&part| Self::trees(parts, part, n_estimators).contains(&tree)).unwrap_or(0)
    }

    /// A shard's columns, one after another, the target last.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] if the file is gone or was changed.
    pub(crate) fn read(&self, part: usize) -> Result<Vec<f64>> {
        let path = &self.files[part];
        let bad = |what: String| {
            let message = format!("{} {what}; write the shards again: split.shard(..)", path.display());
            Error::new(ErrorKind::Data, message)
        };
        let bytes = std::fs::read(path).map_err(|e| bad(format!("could not be read: {e}")).caused_by(e))?;
        let (rows, columns) = (self.rows[part], self.columns());
        match bytes.strip_prefix(head(rows, columns).as_slice()) {
            Some(numbers) if xxh3_64(numbers) == self.hashes[part] => {
                Ok(numbers.as_chunks().0.iter().map(|word| f64::from_le_bytes(*word)).collect())
            }
            _ => Err(bad(format!("is not the shard that was written, of {rows} rows and {columns} columns"))),
        }
    }
}

/// The head of a NumPy file: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
fn head(rows: usize, columns: usize) -> Vec<u8> {
    let text = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': ({rows}, {columns}), }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend((length as u16).to_le_bytes());
    head.extend(format!("{text:<width$}\n", width = length - 1).into_bytes());
    head
}

/// The numbers of a range of the rows, column by column, the target last.
fn numbers(rows: &Rows, range: Range<usize>) -> impl Iterator<Item = u8> {
    let columns = rows.x().chunks(rows.len()).chain([rows.y()]);
    columns.flat_map(move |column| &column[range.clone()]).flat_map(|value| value.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Split {
        let columns: Vec<Vec<f64>> =
            (0..3).map(|c| (0..103).map(|r| f64::from(r * 3 + c) / 7.0).collect()).collect();
        let rows = |range: Range<usize>| Rows::gather(&columns, &range.collect::<Vec<_>>());
        let (dataset, target) = ("test".to_owned(), String::new());
        Split { dataset, target, features: [].into(), train: rows(0..100), test: rows(100..103) }
    }

    #[test]
    fn shards_hold_the_rows_once() {
        let (split, folder) = (split(), tempfile::tempdir().unwrap());
        let shards = split.shard(3, folder.path()).unwrap();
        assert_eq!((shards.rows(), shards.bytes()), (&[33, 33, 34][..], 100 * 3 * 8));
        let read: Vec<Vec<f64>> = (0..3).map(|part| shards.read(part).unwrap()).collect();
        for column in 0..3 {
            let parts =
                read.iter().zip(shards.rows()).flat_map(|(s, &n)| s[column * n..(column + 1) * n].to_vec());
            let whole = split.train.x().chunks(100).chain([split.train.y()]).nth(column).unwrap();
            assert_eq!(parts.collect::<Vec<_>>(), whole);
        }
        let all: Vec<usize> = (0..10).map(|tree| shards.of_tree(tree, 10)).collect();
        assert_eq!(all, [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn a_shard_with_another_number_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let shards = split().shard(2, folder.path()).unwrap();
        let mut bytes = std::fs::read(&shards.files()[1]).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&shards.files()[1], bytes).unwrap();
        assert!(shards.read(0).is_ok());
        let error = shards.read(1).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Data && error.to_string().contains("write the shards again"),
            "{error}"
        );
    }

    #[test]
    fn splits_that_share_a_folder_keep_their_own_rows() {
        let table = crate::data::friedman1(60, 5, 1.0, 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = [1, 2].map(|seed| table.split(0.2, seed).unwrap());
        let first = a.shard(3, folder.path()).unwrap();
        let before: Vec<Vec<f64>> = (0..3).map(|part| first.read(part).unwrap()).collect();
        let second = b.shard(3, folder.path()).unwrap();
        let other = a.shard(2, folder.path()).unwrap();
        assert_eq!((0..3).map(|part| first.read(part).unwrap()).collect::<Vec<_>>(), before);
        assert_ne!(second.read(0).unwrap(), before[0]);
        assert_eq!(other.rows(), [24, 24]);
        // The same split, cut in the same way, has the same files.
        assert_eq!(table.split(0.2, 1).unwrap().shard(3, folder.path()).unwrap(), first);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3 + 3 + 2);
    }

    #[test]
    fn a_damaged_or_missing_shard_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let shards = split().shard(2, folder.path()).unwrap();
        let whole = std::fs::read(&shards.files()[0]).unwrap();
        assert!(whole.len().is_multiple_of(8) && (whole.len() - shards.rows()[0] * 24).is_multiple_of(64));
        std::fs::write(&shards.files()[0], &whole[..whole.len() - 8]).unwrap();
        std::fs::remove_file(&shards.files()[1]).unwrap();
        for part in 0..2 {
            let error = shards.read(part).unwrap_err().to_string();
            assert!(error.contains("write the shards again"), "{error}");
        }
        assert!(split().shard(0, folder.path()).unwrap_err().to_string().contains("from 1 to 100"));
    }
}
