//! A journal: each finished model is a line of a file, so that what is finished is never lost.
//!
//! A line is a JSON object that ends with a checksum of itself. It is in the file, and on the
//! disk, before anyone is told that the model is done. The first line says what the sweep is of.
//! A last line that is torn, since whoever wrote it was killed, is dropped; any other that does not
//! fit its checksum means that the file was damaged, and it is refused.

mod base64;
mod header;
mod line;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(super) use header::Header;
use line::{Line, Read};

use super::outcome::ModelOutcome;
use crate::error::{Error, ErrorKind, Result};

/// How a journal begins; a file of one line that does not is no torn journal, and is left alone.
const BEGIN: &[u8] = b"{\"journal\":";

/// A model that was finished by an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Restored {
    pub(super) model: usize,
    pub(super) predictions: Vec<f64>,
}

/// An open journal. The file is locked, by the operating system, as long as this lives: the lock
/// ends with the process, however that ends.
pub(super) struct Journal {
    path: PathBuf,
    store: Box<dyn Store>,
    /// How many bytes are whole lines.
    length: u64,
    /// Lines that could not be written yet.
    waiting: Vec<String>,
    lost: bool,
}

/// Where the lines go.
trait Store: Send {
    /// Writes this at the end, and returns when it is on the disk.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()>;
    /// Cuts what comes after so many bytes.
    fn truncate(&mut self, length: u64) -> std::io::Result<()>;
}

impl Store for File {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.seek(SeekFrom::End(0))?;
        self.write_all(bytes)?;
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> std::io::Result<()> {
        self.set_len(length)?;
        self.sync_data()
    }
}

impl Journal {
    /// Opens `folder/id.jsonl`, or begins it, and reads which models it has.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for an id that is no file's name, and for a journal of another
    /// sweep; [`ErrorKind::Data`] for one that is damaged, with the line; [`ErrorKind::Io`] where
    /// another run has it open, or the system refuses.
    pub(super) fn open(folder: &Path, id: &str, header: &Header) -> Result<(Self, Vec<Restored>)> {
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            let allowed = "of letters, digits, - and _";
            return Err(Error::invalid("the name of a journal", format!("\"{id}\""), allowed));
        }
        let path = folder.join(format!("{id}.jsonl"));
        std::fs::create_dir_all(folder).map_err(|e| refused(&path, &e))?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|e| refused(&path, &e))?;
        file.try_lock().map_err(|e| match e {
            TryLockError::Error(e) => refused(&path, &e),
            TryLockError::WouldBlock => {
                let message = format!(
                    "the journal {} is being written by another run; wait until that is done, or take another name",
                    path.display()
                );
                Error::new(ErrorKind::Io, message)
            }
        })?;
        let (length, restored) = read(&file, &path, header)?;
        Store::truncate(&mut file, length).map_err(|e| refused(&path, &e))?;
        // That the file is in its folder is to be on the disk as well.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| refused(&path, &e))?;
        let waiting = if length == 0 { vec![header.line()] } else { Vec::new() };
        let mut journal = Self { path, store: Box::new(file), length, waiting, lost: false };
        journal.write().map_err(|e| refused(&journal.path, &e))?;
        Ok((journal, restored))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a model; where that fails it says so, keeps the line and tries again with the next.
    pub(super) fn add(&mut self, outcome: &ModelOutcome, seconds: f64) -> Option<String> {
        let line = Line::new()
            .number("model", outcome.model)
            .text("params", &outcome.params.to_string())
            .number("seconds", seconds)
            .number("mse", outcome.scores.mse)
            .number("mae", outcome.scores.mae)
            .number("r2", outcome.scores.r2)
            .text("predictions", &base64::encode(&outcome.predictions))
            .end();
        self.waiting.push(line);
        self.write().err().map(|e| {
            format!(
                "the journal {} cannot be written: {e}; the sweep goes on, its results are complete, and the journal is \
                 written as soon as that is possible: free some disk",
                self.path.display()
            )
        })
    }

    /// Writes what is waiting still, if anything is; says so where it cannot.
    pub(super) fn finish(&mut self) -> Option<String> {
        let error = self.write().err()?;
        Some(format!(
            "the journal {} lacks {} finished models, for it cannot be written: {error}; their results are here, but a \
             resumed sweep would train them again",
            self.path.display(),
            self.waiting.len()
        ))
    }

    fn write(&mut self) -> std::io::Result<()> {
        if self.lost {
            return Err(std::io::Error::other("an earlier line is torn, and cannot be cut"));
        }
        while let Some(line) = self.waiting.first() {
            if let Err(error) = self.store.append(line.as_bytes()) {
                // A part of the line may be there: nothing may come after it.
                self.lost = self.store.truncate(self.length).is_err();
                return Err(error);
            }
            self.length += line.len() as u64;
            self.waiting.remove(0);
        }
        Ok(())
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    let message = format!(
        "the journal {} cannot be opened: {error}; free some disk, make the folder writable, or run without a journal",
        path.display()
    );
    Error::new(ErrorKind::Io, message)
}

/// How many bytes of the file are whole lines, and the models in them.
fn read(file: &File, path: &Path, header: &Header) -> Result<(u64, Vec<Restored>)> {
    let io = |e: std::io::Error| Error::new(ErrorKind::Io, format!("{} cannot be read: {e}", path.display()));
    let mut reader = BufReader::new(file);
    let (mut length, mut restored) = (0, Vec::<Restored>::new());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line).map_err(io)?;
        if bytes == 0 {
            break;
        }
        let Some(good) = Read::of(&line) else {
            let ours = number > 1 || line.starts_with(BEGIN) || BEGIN.starts_with(&line);
            if ours && reader.fill_buf().map_err(io)?.is_empty() {
                // The last line is torn: whoever wrote it was stopped.
                break;
            }
            return Err(damaged(path, number, "does not fit its checksum"));
        };
        if number == 1 {
            let there =
                Header::read(&good).ok_or_else(|| damaged(path, 1, "does not say what the journal is of"))?;
            if let Some(difference) = there.difference(header) {
                let message = format!(
                    "the journal {} is of another sweep: {difference}; take another name, or delete it",
                    path.display()
                );
                return Err(Error::new(ErrorKind::InvalidParameter, message));
            }
        } else {
            let model = model(&good, header)
                .ok_or_else(|| damaged(path, number, "is not of a model of this sweep"))?;
            if restored.iter().all(|other| other.model != model.model) {
                restored.push(model);
            }
        }
        length += bytes as u64;
    }
    Ok((length, restored))
}

fn model(line: &Read, header: &Header) -> Option<Restored> {
    let model = line.number("model")?;
    let predictions = base64::decode(&line.text("predictions")?)?;
    let fits = header.model(model) == Some(&line.text("params")?) && predictions.len() == header.test_rows();
    fits.then_some(Restored { model, predictions })
}

fn damaged(path: &Path, line: usize, what: &str) -> Error {
    let message = format!(
        "line {line} of the journal {} {what}: the file was damaged; restore it from a copy, delete it, or take another name",
        path.display()
    );
    Error::new(ErrorKind::Data, message)
}
