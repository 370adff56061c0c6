//! Journals: what is finished is never lost, and what is restored has the same bits.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use helper::data::Split;
use helper::sweep::{Event, Keep, Learner, Outcome, Sweep};
use helper::{Cluster, ErrorKind};

fn small() -> Split {
    let housing = helper::data::california_housing().expect("the tests need the table; see data/README.md");
    housing.split(0.98, 1).unwrap()
}

/// Rows that are made at once: a process that is started often need not read the table.
fn made() -> Split {
    helper::data::friedman1(500, 8, 1.0, 1).unwrap().split(0.2, 1).unwrap()
}

fn sweep() -> Sweep {
    Sweep::over_n_estimators((2..=30).step_by(2)).max_depth(6).seed(3).quiet()
}

fn on(workers: usize, sweep: &Sweep, split: &Split) -> helper::Result<Outcome> {
    let cluster = Cluster::local_with(workers).unwrap();
    sweep.run_on(&cluster, &cluster.put(split.clone()))
}

/// The journal's lines; panics where there is none.
fn lines(folder: &Path, id: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(format!("{id}.jsonl"))).unwrap();
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[test]
fn a_finished_sweep_comes_back_without_training() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let plain = sweep().run_sequential(&split).unwrap();
    let kept = sweep().journal(dir.path().join("all.jsonl"));
    let first = on(2, &kept, &split).unwrap();
    assert_eq!((first.restored, lines(dir.path(), "all").len()), (0, 16));
    for again in [kept.run_sequential(&split).unwrap(), on(3, &kept, &split).unwrap()] {
        assert!(again.same_bits(&plain) && again.same_bits(&first));
        assert_eq!((again.restored, again.tasks.len()), (15, 0));
        assert!(again.models.iter().zip(&plain.models).all(|(a, b)| a.scores == b.scores && a.restored));
        assert!(again.sharing().to_string().contains("so no task has read the data"));
        assert!(again.to_string().contains("(journal)"), "{again}");
    }
    // Models of shared runs are models like any other.
    let shared = kept.share_trees(true).run_sequential(&split).unwrap();
    assert!(shared.same_bits(&plain) && shared.restored == 15);
}

#[test]
fn cut_anywhere_it_goes_on_with_the_same_bits() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let sweep = Sweep::over_n_estimators([3, 8, 5]).max_depth(4).oob_score(true).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    let kept = sweep.journal(dir.path().join("cut.jsonl"));
    kept.run_sequential(&split).unwrap();
    let path = dir.path().join("cut.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|&i| whole[i] == b'\n').collect();
    let mut cuts: Vec<usize> = (0..whole.len()).step_by(whole.len() / 40).collect();
    cuts.extend(ends.iter().flat_map(|&end| [end.saturating_sub(1), end, end + 1]));
    for cut in cuts {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let again = kept.run_sequential(&split).unwrap();
        assert!(again.same_bits(&plain), "cut after {cut} bytes");
        assert_eq!(again.restored, ends[1..].iter().filter(|&&end| end < cut).count(), "after {cut}");
        assert_eq!(lines(dir.path(), "cut").len(), 4);
    }
}

#[test]
fn damage_within_is_refused_with_its_line() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let kept = sweep().journal(dir.path().join("bad.jsonl"));
    kept.run_sequential(&split).unwrap();
    let path = dir.path().join("bad.jsonl");
    let good = lines(dir.path(), "bad");
    for line in [1, 2, 9] {
        let mut bad = good.clone();
        bad[line - 1] = bad[line - 1].replacen(":\"", ":\"~", 1);
        std::fs::write(&path, bad.concat()).unwrap();
        let error = kept.run_sequential(&split).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(&format!("line {line} ")), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad.concat(), "a refused journal is left alone");
    }
    std::fs::write(&path, "a note of mine, on one line").unwrap();
    assert!(kept.run_sequential(&split).unwrap_err().to_string().contains("line 1 "));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a note of mine, on one line");
}

#[test]
fn another_sweep_is_refused_with_the_difference() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let base = || Sweep::over_n_estimators([3, 4]).max_depth(4).quiet().journal(dir.path().join("one.jsonl"));
    base().run_sequential(&split).unwrap();
    let other_rows = helper::data::california_housing().unwrap().split(0.98, 2).unwrap();
    let fewer = helper::data::california_housing().unwrap().split(0.99, 1).unwrap();
    let more = Sweep::over_n_estimators([3, 4, 5]).max_depth(4).quiet().journal(dir.path().join("one.jsonl"));
    let refused = |sweep: Sweep, split: &Split, part: &str| {
        let error = sweep.run_sequential(split).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.to_string().contains(part) && error.to_string().contains("another name"), "{error}");
    };
    refused(base().max_depth(5), &split, "max_depth of model 0 is 4 there, but 5 here");
    refused(base().learner(Learner::Smartcore), &split, "learner is forest there, but smartcore here");
    refused(base().oob_score(true), &split, "oob_score is false there, but true here");
    refused(base(), &other_rows, "hash of their numbers");
    refused(base(), &fewer, "412 + 20228 there");
    refused(more, &split, "of 2 models there, but of 3 models here");
    let trees = |line: &str| {
        let at = line.find("\"trees\":\"").unwrap() + 9;
        line[at..at + 16].to_owned()
    };
    let first = lines(dir.path(), "one")[0].clone();
    assert_ne!(trees(&first), "0".repeat(16));
    // The same sweep in another way is the same sweep.
    let same = base().keep(Keep::Best).schedule(helper::sweep::Schedule::LongestFirst);
    assert_eq!(same.run_sequential(&split).unwrap().restored, 2);
    let taken = base().journal(dir.path()).run_sequential(&split).unwrap_err();
    assert!(taken.kind() == ErrorKind::Io && taken.to_string().contains("cannot be opened"), "{taken}");
    assert!(std::error::Error::source(&taken).is_some_and(|cause| cause.is::<std::io::Error>()));
}

#[test]
fn undefined_scores_come_back_undefined() {
    let (split, dir) = (helper::data::friedman1(60, 5, 1e200, 1).unwrap().split(0.5, 1), tempfile::tempdir());
    let (split, dir) = (split.unwrap(), dir.unwrap());
    let sweep =
        Sweep::over_n_estimators([20, 30]).oob_score(true).quiet().journal(dir.path().join("odd.jsonl"));
    let (first, again) = (sweep.run_sequential(&split).unwrap(), sweep.run_sequential(&split).unwrap());
    assert!(again.restored == 2 && again.same_bits(&first));
    let scores = again.models[0].oob.unwrap().scores;
    assert!(scores.mse.is_nan() && scores.rmse.is_nan() && scores.mae.is_finite(), "{scores:?}");
}

#[test]
fn trees_are_grown_again_where_they_are_to_be_kept() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let kept = sweep().journal(dir.path().join("keep.jsonl"));
    kept.run_sequential(&split).unwrap();
    for (keep, count) in [(Keep::Best, 1), (Keep::All, 15)] {
        let again = on(2, &kept.clone().keep(keep), &split).unwrap();
        assert_eq!((0..15).filter(|&i| again.model(i).is_some()).count(), count);
        let best = again.best_model().unwrap();
        assert_eq!(best.predict(&split.test).unwrap(), again.best().predictions);
    }
    let shared = kept.clone().keep(Keep::All).share_trees(true).run_sequential(&split).unwrap();
    assert_eq!((shared.trees_grown(), shared.restored), (0, 15));
    assert_eq!(shared.model(0).unwrap().predict(&split.test).unwrap(), shared.models[0].predictions);
}

#[test]
fn two_runs_never_share_a_journal() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let kept = sweep().journal(dir.path().join("mine.jsonl"));
    let (inner, data) = (kept.clone(), split.clone());
    let refused = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&refused);
    let outer = kept.clone().on_event(move |event| {
        if let Event::Finished(helper::sweep::Progress { models: 1, .. }, _) = event {
            let error = inner.run_sequential(&data).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidParameter);
            seen.lock().unwrap().push(error.to_string());
        }
    });
    outer.run_sequential(&split).unwrap();
    let refused = refused.lock().unwrap();
    assert!(refused.len() == 1 && refused[0].contains("another run"), "{refused:?}");
    assert_eq!(kept.run_sequential(&split).unwrap().restored, 15, "the lock ends with the run");
}

const FOLDER: &str = "HELPER_TEST_JOURNAL";
/// So many kills at least.
const KILLS: usize = 100;

/// The run that the test below kills; by itself it does nothing.
#[test]
fn a_run_to_be_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sweep = sweep().journal(Path::new(&folder).join("killed.jsonl")).on_event(|event| {
        if let Event::Finished(_, model) = event {
            let mut out = std::io::stdout();
            let _ = writeln!(out, "\nfinished {}", model.model).and_then(|()| out.flush());
        }
    });
    on(2, &sweep, &made()).unwrap();
    println!("\ncomplete");
}

/// Numbers that a seed decides (SplitMix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A run in a process of its own, killed some time after so many models were told to be done; what it
/// had told by then, and whether it was killed before its end.
fn run_and_kill(folder: &Path, after: u64, pause: Duration) -> (Vec<String>, bool) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_run_to_be_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told: Vec<String> = Vec::new();
    while (told.iter().filter(|line| line.starts_with("finished ")).count() as u64) < after {
        let Some(line) = out.next() else { break };
        told.push(line);
    }
    std::thread::sleep(pause);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    told.extend(out);
    let complete = told.iter().any(|line| line == "complete");
    assert!(complete || status.code().is_none(), "a run failed: {told:?}");
    (told, !complete)
}

#[test]
fn killed_at_a_hundred_moments_nothing_finished_is_lost() {
    let split = made();
    let expected = sweep().run_sequential(&split).unwrap();
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let (mut state, mut kills, mut sweeps) = (seed, 0, 0);
    while kills < KILLS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("killed.jsonl");
        loop {
            // Before the first model, or when some are done and others are under way.
            let after = random(&mut state) % 4;
            let most = if after == 0 { 30_000 } else { 5_000 };
            let (told, killed) =
                run_and_kill(dir.path(), after, Duration::from_micros(random(&mut state) % most));
            kills += usize::from(killed);
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            for model in told.iter().filter_map(|line| line.strip_prefix("finished ")) {
                let line = format!("{{\"model\":{model},");
                assert!(there.contains(&line), "seed {seed}: model {model} was told to be done, and is lost");
            }
            if !killed {
                break;
            }
        }
        let again = sweep().journal(dir.path().join("killed.jsonl")).run_sequential(&split).unwrap();
        assert_eq!((again.restored, again.tasks.len()), (15, 0), "seed {seed}");
        assert!(again.same_bits(&expected), "seed {seed}");
        sweeps += 1;
    }
    println!("{kills} kills, {sweeps} sweeps complete");
}
