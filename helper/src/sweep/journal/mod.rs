//! A journal: each finished model is a line of a file, so that no finished model is lost.
//!
//! A line is a JSON object that ends with a checksum of itself. It is on the disk before the sweep
//! reports the model as done. The first line names the sweep of the models. A torn last line, whose writer
//! was killed, is dropped; any other line that does not fit its checksum means that the file was damaged,
//! and the journal is refused.

mod header;
mod line;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use forest::Params;
use header::{FORMAT, Header};
use serde::{Deserialize, Serialize};

use super::outcome::{ModelOutcome, OutOfBag, Scores};
use super::plan::Plan;
use crate::data::Split;
use crate::error::{Error, ErrorKind, Result};

/// The first bytes of a journal. A file with one line that begins otherwise is no torn journal, and is left alone.
const BEGIN: &[u8] = b"{\"journal\":";

/// A line after the first: a finished model.
#[derive(Serialize, Deserialize)]
struct Finished<'a> {
    model: usize,
    params: Params,
    /// A prediction for each test row.
    predictions: Cow<'a, [f64]>,
    /// MSE, MAE and R2 of the out-of-bag score, each if it is defined, and the number of missing rows.
    oob: Option<([Option<f64>; 3], usize)>,
}

/// An open journal. The operating system locks the file until this is dropped or the process ends.
pub(super) struct Journal {
    path: PathBuf,
    store: Box<dyn Store>,
    /// The bytes of whole lines on the disk.
    length: u64,
    /// Lines that are not on the disk yet.
    waiting: String,
}

/// The storage of the lines: a file, or a simulated disk in tests.
trait Store: Send {
    /// Writes `bytes` after the first `length` bytes, and returns when they are on the disk.
    fn write(&mut self, length: u64, bytes: &[u8]) -> std::io::Result<()>;
}

impl Store for File {
    fn write(&mut self, length: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.seek(SeekFrom::Start(length))?;
        self.write_all(bytes)?;
        self.sync_data()
    }
}

impl Journal {
    /// Opens a journal or begins it, and reads the models that earlier runs have finished.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for a journal of another sweep or format, and for one that
    /// another run has open; [`ErrorKind::Data`] for one that is damaged, with the line;
    /// [`ErrorKind::Io`] where the system refuses.
    pub(super) fn open(path: &Path, plan: &Plan, split: &Split) -> Result<(Self, Vec<ModelOutcome>)> {
        let header = Header::of(plan, split)?;
        let refused = |error: std::io::Error| {
            let message = format!(
                "the journal {} cannot be opened: {error}; free some disk, make the folder writable, or run without a journal",
                path.display()
            );
            Error::new(ErrorKind::Io, message).caused_by(error)
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(refused)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(refused)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => refused(error),
            TryLockError::WouldBlock => {
                let message = format!(
                    "the journal {} is being written by another run; wait until that is done, or take another name",
                    path.display()
                );
                Error::new(ErrorKind::InvalidParameter, message)
            }
        })?;
        let (length, restored) = read(&file, path, &header, &split.test.y().to_vec())?;
        file.set_len(length).map_err(refused)?;
        // The file's entry in its folder must be on the disk as well.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
        let mut journal =
            Self { path: path.to_owned(), store: Box::new(file), length, waiting: String::new() };
        if length == 0 {
            journal.write(&header).map_err(refused)?;
        }
        Ok((journal, restored))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a model. If it cannot be written, returns a warning, and tries again with the next model.
    pub(super) fn add(&mut self, outcome: &ModelOutcome) -> Option<String> {
        let finished = Finished {
            model: outcome.model,
            params: outcome.params,
            predictions: Cow::Borrowed(&outcome.predictions),
            oob: outcome.oob.map(|OutOfBag { scores: Scores { mse, mae, r2, .. }, missing }| {
                ([mse, mae, r2].map(|score| Some(score).filter(|score| !score.is_nan())), missing)
            }),
        };
        self.write(&finished).err().map(|error| {
            format!(
                "the journal {} cannot be written: {error}; the sweep goes on, its results are complete, and the journal is \
                 written as soon as that is possible: free some disk",
                self.path.display()
            )
        })
    }

    /// Writes the lines that still wait; if that fails, returns a warning.
    pub(super) fn finish(&mut self) -> Option<String> {
        let error = self.flush().err()?;
        Some(format!(
            "the journal {} lacks {} finished models, because it cannot be written: {error}; their results are here, but a \
             resumed sweep would train them again",
            self.path.display(),
            self.waiting.lines().count()
        ))
    }

    fn write(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        self.waiting += &line::write(value)?;
        self.flush()
    }

    /// Writes the waiting lines, over those that a failed attempt left in part.
    fn flush(&mut self) -> std::io::Result<()> {
        if !self.waiting.is_empty() {
            self.store.write(self.length, self.waiting.as_bytes())?;
            self.length += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(())
    }
}

/// The bytes of whole lines in the file, and the models in these lines.
fn read(file: &File, path: &Path, header: &Header, actual: &Vec<f64>) -> Result<(u64, Vec<ModelOutcome>)> {
    let io = |error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("{} cannot be read: {error}", path.display())).caused_by(error)
    };
    let mut reader = BufReader::new(file);
    let (mut length, mut restored, mut line) = (0, Vec::<ModelOutcome>::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line).map_err(io)?;
        if bytes == 0 {
            break;
        }
        let damaged = |what: &str| {
            let message = format!(
                "line {number} of the journal {} {what}: the file was damaged; restore it from a copy, delete it, or take \
                 another name",
                path.display()
            );
            Error::new(ErrorKind::Data, message)
        };
        let Some(object) = line::check(&line) else {
            let ours = number > 1 || line.starts_with(BEGIN) || BEGIN.starts_with(&line);
            if ours && reader.fill_buf().map_err(io)?.is_empty() {
                // The last line is torn: its writer was killed.
                break;
            }
            return Err(damaged("does not fit its checksum"));
        };
        if number == 1 {
            let difference =
                other_sweep(&object, header).ok_or_else(|| damaged("does not say what the journal is of"))?;
            if let Some(difference) = difference {
                let message = format!(
                    "the journal {} is {difference}; take another name, or delete it",
                    path.display()
                );
                return Err(Error::new(ErrorKind::InvalidParameter, message));
            }
        } else {
            let model =
                model(&object, header, actual).ok_or_else(|| damaged("is not of a model of this sweep"))?;
            if restored.iter().all(|other| other.model != model.model) {
                restored.push(model);
            }
        }
        length += bytes as u64;
    }
    Ok((length, restored))
}

/// How the journal's header differs from that of a sweep, if it does; `None` where the object is no header.
fn other_sweep(object: &str, header: &Header) -> Option<Option<String>> {
    let there: serde_json::Value = serde_json::from_str(object).ok()?;
    let format = there.get("journal")?.as_u64()?;
    if format != u64::from(FORMAT) {
        return Some(Some(format!("of format {format}, but this version writes format {FORMAT}")));
    }
    let difference = serde_json::from_value::<Header>(there).ok()?.difference(header);
    Some(difference.map(|difference| format!("of another sweep: {difference}")))
}

/// `None` where the object is no model of the sweep.
fn model(object: &str, header: &Header, actual: &Vec<f64>) -> Option<ModelOutcome> {
    let Finished { model, params, predictions, oob } = serde_json::from_str(object).ok()?;
    let fits = header.models.get(model) == Some(&params)
        && predictions.len() == actual.len()
        && oob.is_some() == header.oob_score;
    if !fits {
        return None;
    }
    let predictions = predictions.into_owned();
    let scores = Scores::of(actual, &predictions);
    let oob = oob.map(|(scores, missing)| OutOfBag { scores: Scores::new(scores), missing });
    Some(ModelOutcome { model, params, scores, oob, predictions, restored: true })
}
