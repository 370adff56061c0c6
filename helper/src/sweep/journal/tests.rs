//! A journal on a full disk, and a journal of another version.

use std::io::{Error, Result};
use std::sync::{Arc, Mutex};

use super::*;
use crate::data::{Rows, Split};
use crate::sweep::run::{Extras, Pool, run};
use crate::sweep::{Learner, Outcome, Sweep};

/// A disk with limited room; of a line that does not fit, a part is written.
#[derive(Clone)]
struct Disk(Arc<Mutex<State>>);

struct State {
    bytes: Vec<u8>,
    room: usize,
    /// The number of refusals after which there is room again.
    freed_after: usize,
}

impl Disk {
    fn new(room: usize, freed_after: usize) -> Self {
        Self(Arc::new(Mutex::new(State { bytes: Vec::new(), room, freed_after })))
    }

    fn lines(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        String::from_utf8_lossy(&state.bytes).split_inclusive('\n').map(str::to_owned).collect()
    }
}

impl Store for Disk {
    fn write(&mut self, length: u64, bytes: &[u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.bytes.truncate(length as usize);
        let room = state.room.saturating_sub(state.bytes.len());
        state.bytes.extend(&bytes[..room.min(bytes.len())]);
        if room >= bytes.len() {
            return Ok(());
        }
        state.freed_after -= 1;
        if state.freed_after == 0 {
            state.room = usize::MAX;
        }
        Err(Error::other("no space left on device"))
    }
}

fn split() -> Split {
    let x: Vec<f64> = (0..120).map(|i| f64::from(i * 7919 % 1009)).collect();
    let y = x.iter().map(|x| x.sqrt()).collect();
    let columns = [x, y];
    let rows = |range: std::ops::Range<usize>| Rows::gather(&columns, &range.collect::<Vec<_>>());
    Split {
        dataset: "made up".to_owned(),
        target: "y".to_owned(),
        features: Arc::default(),
        train: rows(0..80),
        test: rows(80..120),
    }
}

fn sweep() -> Sweep {
    Sweep::over_n_estimators([2, 3, 4, 5, 6]).quiet()
}

fn run_on(disk: &Disk) -> Outcome {
    let split = split();
    let plan = sweep().plan(&split, None).unwrap();
    let (path, store) = ("full.jsonl".into(), Box::new(disk.clone()));
    let mut journal = Journal { path, store, length: 0, waiting: String::new() };
    // The tests count the room from the end of the header.
    disk.0.lock().unwrap().room = usize::MAX;
    journal.write(&Header::of(&plan, &split).unwrap()).unwrap();
    let mut state = disk.0.lock().unwrap();
    state.room = state.bytes.len() + ROOM;
    drop(state);
    run(plan, &split, &Pool::Caller, Extras { journal: Some((journal, Vec::new())), ..Extras::default() })
        .unwrap()
}

/// Two lines fit, and a part of the third.
const ROOM: usize = 2_600;

#[test]
fn a_full_disk_costs_no_result() {
    let plain = sweep().run_sequential(split()).unwrap();
    let disk = Disk::new(0, usize::MAX);
    let outcome = run_on(&disk);
    assert!(outcome.same_bits(&plain) && outcome.models.len() == 5);
    let lines = disk.lines();
    let whole = lines.iter().filter(|line| line::check(line.as_bytes()).is_some()).count();
    assert!((2..5).contains(&whole) && lines.len() <= whole + 1, "{lines:?}");
    let text = outcome.to_string();
    for part in ["Warning", "full.jsonl", "no space left", "lacks", "free some disk"] {
        assert!(text.contains(part), "no \"{part}\" in {text}");
    }
}

#[test]
fn what_was_refused_is_written_later() {
    let disk = Disk::new(0, 2);
    let outcome = run_on(&disk);
    assert_eq!(disk.lines().len(), 6, "the header and all models");
    assert!(disk.lines().iter().all(|line| line::check(line.as_bytes()).is_some()));
    assert!(outcome.warnings.len() == 1 && !outcome.warnings[0].contains("lacks"), "{:?}", outcome.warnings);
}

#[test]
fn another_version_of_the_learner_or_the_format_is_refused() {
    let split = split();
    let plan = sweep().plan(&split, None).unwrap();
    let here = Header::of(&plan, &split).unwrap();
    assert_eq!(here.difference(&here), None);
    let dir = tempfile::tempdir().unwrap();
    let refused = |there: &serde_json::Value| {
        let path = dir.path().join("old.jsonl");
        std::fs::write(&path, line::write(there).unwrap()).unwrap();
        let error = Journal::open(&path, &plan, &split).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        error.to_string()
    };
    let mut there = serde_json::to_value(&here).unwrap();
    // A build whose learner grows other trees has another sample.
    there["trees"] = "0123456789abcdef".into();
    let error = refused(&there);
    assert!(error.contains("that grow other trees") && error.contains("0123456789abcdef there"), "{error}");
    // The first format had other members.
    let error = refused(&serde_json::json!({ "journal": 1, "numbers": "AAAA" }));
    assert!(error.contains("of format 1, but this version writes format 3"), "{error}");
    let smartcore = sweep().learner(Learner::Smartcore).plan(&split, None).unwrap();
    assert_ne!(Header::of(&smartcore, &split).unwrap(), here);
}
