//! A training set in pieces on the disk, for data that no worker should hold whole.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::split::{Rows, Split};
use crate::error::{Error, ErrorKind, Result};

/// A split whose training rows lie on the disk in shards; made by [`Split::shard`].
///
/// A shard is a NumPy file, `shard-0.npy` and so on: a table in Fortran order whose last column is
/// the target. Python reads it by `numpy.load`, and whoever maps it reads no more than is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Shards {
    files: Vec<PathBuf>,
    rows: Vec<usize>,
    split: Split,
    largest: f64,
}

impl Split {
    /// Writes the training rows into `parts` files of a folder, as equal in size as can be. For a Ray
    /// cluster of several machines it must be one that all of them see under the same path.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for no part, or more parts than rows, [`ErrorKind::Io`] where a
    /// file cannot be written.
    pub fn shard(&self, parts: usize, folder: impl AsRef<Path>) -> Result<Shards> {
        let n = self.train.len();
        if !(1..=n).contains(&parts) {
            return Err(Error::invalid(
                "parts",
                parts,
                format!("from 1 to {n}, the number of training rows"),
            ));
        }
        let folder = folder.as_ref();
        let failed = |path: &Path, e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("{} could not be written: {e}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
        let folder = std::path::absolute(folder).map_err(|e| failed(folder, e))?;
        let (mut files, mut rows) = (Vec::new(), Vec::new());
        for part in 0..parts {
            let range = part * n / parts..(part + 1) * n / parts;
            let path = folder.join(format!("shard-{part}.npy"));
            write(&path, &self.train, range.clone()).map_err(|e| failed(&path, e))?;
            files.push(path);
            rows.push(range.len());
        }
        let largest = self.train.y().iter().fold(0.0_f64, |largest, y| largest.max(y.abs()));
        let split = Self { dataset: format!("{} in {parts} shards", self.dataset), ..self.clone() };
        Ok(Shards { files, rows, split, largest })
    }
}

impl Shards {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Never: there is one at least.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// How many rows each has.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// How many bytes of numbers the largest has: what a task holds of the training rows.
    pub fn largest_bytes(&self) -> usize {
        8 * self.columns() * self.rows.iter().copied().max().unwrap_or(0)
    }

    /// How many bytes of numbers all have together.
    pub fn bytes(&self) -> usize {
        8 * self.columns() * self.rows.iter().sum::<usize>()
    }

    /// How many columns a shard has, the target included.
    pub(crate) fn columns(&self) -> usize {
        self.split.train.n_features() + 1
    }

    pub(crate) fn split(&self) -> &Split {
        &self.split
    }

    /// The largest of all targets, without its sign.
    pub(crate) fn largest(&self) -> f64 {
        self.largest
    }

    /// Which of a forest's trees grow on a shard.
    pub(crate) fn trees(parts: usize, part: usize, n_estimators: usize) -> Range<usize> {
        part * n_estimators / parts..(part + 1) * n_estimators / parts
    }

    /// Which shard a tree grows on.
    pub(crate) fn of_tree(&self, tree: usize, n_estimators: usize) -> usize {
        (0..self.len()).find(|&part| Self::trees(self.len(), part, n_estimators).contains(&tree)).unwrap_or(0)
    }

    /// A shard's columns, one after another, the target last.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] where the file is gone, or is not what was written.
    pub(crate) fn read(&self, part: usize) -> Result<Vec<f64>> {
        let path = &self.files[part];
        let bad = |what: String| {
            let message = format!("{} {what}; write the shards again: split.shard(..)", path.display());
            Error::new(ErrorKind::Data, message)
        };
        let file = File::open(path).map_err(|e| bad(format!("could not be read: {e}")))?;
        let shape = (self.rows[part], self.columns());
        read(BufReader::new(file), shape).map_err(|e| bad(format!("is not the shard that was written: {e}")))
    }
}

/// The head of a NumPy file: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
fn head(shape: (usize, usize)) -> Vec<u8> {
    let (rows, columns) = shape;
    let text = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': ({rows}, {columns}), }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend((length as u16).to_le_bytes());
    head.extend(format!("{text:<width$}\n", width = length - 1).into_bytes());
    head
}

fn write(path: &Path, rows: &Rows, range: Range<usize>) -> std::io::Result<()> {
    // Under its name it is there whole or not at all.
    let partial = path.with_extension("npy.partial");
    let mut file = BufWriter::new(File::create(&partial)?);
    file.write_all(&head((range.len(), rows.n_features() + 1)))?;
    for column in rows.x().chunks(rows.len()).chain([rows.y()]) {
        for value in &column[range.clone()] {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.into_inner()?.sync_all()?;
    std::fs::rename(partial, path)
}

fn read(mut file: impl Read, shape: (usize, usize)) -> std::io::Result<Vec<f64>> {
    let expected = head(shape);
    let mut found = vec![0; expected.len()];
    file.read_exact(&mut found)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if found != expected || bytes.len() != 8 * shape.0 * shape.1 {
        let message = format!("not {} rows and {} columns", shape.0, shape.1);
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
    }
    Ok(bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Split {
        let columns: Vec<Vec<f64>> =
            (0..3).map(|c| (0..103).map(|r| f64::from(r * 3 + c) / 7.0).collect()).collect();
        let rows = |range: Range<usize>| Rows::gather(&columns, &range.collect::<Vec<_>>());
        let (dataset, target) = ("test".to_owned(), String::new());
        Split { dataset, features: Vec::new(), target, train: rows(0..100), test: rows(100..103) }
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
