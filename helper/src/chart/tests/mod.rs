//! Every chart of usual and of odd values: well-formed, complete, small, nothing cut and no text on
//! another.

mod lessons;

use polars_core::prelude::*;

use super::svg::SCALE;
use super::*;
use crate::data::Dataset;
use crate::error::ErrorKind;
use crate::sweep::{
    Comparison, Learner, Measured, ModelOutcome, OutOfBag, Outcome, Params, Place, Projection, Schedule,
    Scores, SweepTask,
};

const PRICE: &str = "median house value, 100,000 US dollars";

fn params(n_estimators: usize, max_depth: usize) -> Params {
    Params { n_estimators, max_depth: Some(max_depth), ..Params::default() }
}

/// The lab's 30 models.
fn lab() -> Vec<Params> {
    (50..=340).step_by(10).map(|trees| params(trees, 20)).collect()
}

/// A run of tasks of ten trees, each given to the first worker that is free.
fn outcome(dataset: &str, models: &[Params], workers: usize, actual: &[f64]) -> Outcome {
    let mut free = vec![0.0_f64; workers];
    let mut tasks = Vec::new();
    for (model, params) in models.iter().enumerate() {
        for start in (0..params.n_estimators).step_by(10) {
            let trees = start..params.n_estimators.min(start + 10);
            let worker = (0..workers).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap();
            let (task, started) = (tasks.len(), free[worker]);
            let ended = started + 0.2 * trees.len() as f64 * (1.0 + 0.1 * (task as f64).sin());
            free[worker] = ended + 0.001;
            let (attempt, queued, cpu_seconds) = (1, 0.0, None);
            tasks.push(SweepTask {
                task,
                model,
                trees,
                worker,
                attempt,
                state: crate::cluster::TaskState::Finished,
                queued,
                started,
                ended,
                cpu_seconds,
            });
        }
    }
    let models = models.iter().enumerate().map(|(model, &params)| {
        let error = 0.3 + 5.0 / params.n_estimators as f64;
        let predictions: Vec<f64> = actual.iter().map(|y| y + error * (1e3 * y).sin()).collect();
        let scores = Scores::of(&actual.to_vec(), &predictions);
        ModelOutcome { model, params, scores, oob: None, predictions, restored: false }
    });
    let seconds = free.iter().fold(0.0, |a: f64, b| a.max(*b));
    Outcome {
        dataset: dataset.to_owned(),
        identity: 0,
        target: PRICE.to_owned(),
        learner: Learner::Smartcore,
        place: if workers == 1 { Place::Caller } else { Place::Threads },
        schedule: Schedule::Trees,
        shared: false,
        workers,
        seconds,
        setup_seconds: 0.01,
        pace: [0.001; 2],
        models: models.collect(),
        tasks,
        actual: actual.to_vec(),
        failed: Vec::new(),
        journal: None,
        restored: 0,
        warnings: Vec::new(),
        data_bytes: 1_000_000,
        kept: Vec::new(),
    }
}

fn table(name: &str, rows: &[[f64; 3]], columns: [&str; 3]) -> Dataset {
    let column = |c: usize| Column::new(columns[c].into(), rows.iter().map(|row| row[c]).collect::<Vec<_>>());
    let frame = DataFrame::new_infer_height((0..3).map(column).collect()).unwrap();
    let units = columns.map(|column| if column == "Price" { PRICE } else { "degrees" });
    Dataset::from_frame(name, frame, columns[2]).unwrap().with_units(&units)
}

const COLUMNS: [&str; 3] = ["Latitude", "Longitude", "Price"];

/// Rows along a spiral; a tenth of them at the cap.
fn rows(n: usize) -> Vec<[f64; 3]> {
    let row = |i: usize| {
        let t = i as f64 / n as f64;
        let price = if i.is_multiple_of(10) { 5.00001 } else { 0.15 + 4.8 * ((7.0 * t).sin() * t).abs() };
        [37.0 + 4.7 * t * (40.0 * t).sin(), -119.3 + 5.0 * t * (40.0 * t).cos(), price]
    };
    (0..n).map(row).collect()
}

fn prices(n: usize) -> Vec<f64> {
    rows(n).iter().map(|row| row[2]).collect()
}

/// With more points, one of them at the edge and with a name that is far too long.
fn projected(both: &Comparison) -> Projection {
    let mut projection = Projection::of(both).unwrap();
    for (how, workers, speedup) in [
        ("another <way>".to_owned(), 16, 15.2),
        ("\u{6a5f}\u{68b0}\u{1f916} with a name ".repeat(9), 1024, 0.5),
    ] {
        projection.measured.push(Measured { how, workers, speedup });
    }
    projection
}

/// All charts of an outcome.
fn of_outcome(dataset: &str, models: &[Params], workers: usize, actual: &[f64]) -> Vec<Figure> {
    let sequential = outcome(dataset, models, 1, actual);
    let parallel = outcome(dataset, models, workers, actual);
    let both = Comparison::of([&sequential, &parallel]).unwrap();
    vec![
        seconds_per_model(&both).unwrap(),
        timeline(&parallel).unwrap(),
        timeline(&sequential).unwrap(),
        projection(&projected(&both)).unwrap(),
        error_by_trees(&parallel).unwrap(),
        predicted_against_actual(&parallel).unwrap(),
    ]
}

/// The texts of well-formed XML with their tags; panics where it is not.
fn texts(svg: &str) -> Vec<(String, String)> {
    let (mut open, mut texts): (Vec<String>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let (text, tag) = (&rest[..start], &rest[start + 1..]);
        let end = tag.find('>').expect("a tag ends");
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
        for part in text.split('&').skip(1) {
            let entity = part.split(';').next().unwrap_or_default();
            assert!(["amp", "lt", "gt", "quot", "apos"].contains(&entity), "&{part}");
        }
        if let Some(of) = open.last().filter(|_| !text.trim().is_empty()) {
            texts.push((of.clone(), text.trim().to_owned()));
        }
        let name = |tag: &str| tag.split(' ').next().unwrap_or_default().to_owned();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop().map(|tag| name(&tag)).as_deref(), Some(closed)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.to_owned()),
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "left: {open:?} {rest}");
    texts
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

fn check(figure: &Figure) {
    let svg = figure.svg();
    let fail = || format!("{figure}\n{svg}");
    assert!(svg.len() < 80_000, "{figure} has {} bytes", svg.len());
    assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains("inf,"), "{}", fail());
    assert!(!svg.contains(" id="), "{}", fail());
    let size = |name| attribute(svg, name).unwrap().parse::<f64>().unwrap();
    let (width, height) = (size("width"), size("height"));
    assert!((300.0..=1000.0).contains(&width) && (150.0..=1400.0).contains(&height), "{}", fail());
    assert!(!figure.title().is_empty() && figure.description().ends_with('.'), "{figure}");
    let written = texts(svg);
    let all: String = written.iter().map(|(_, text)| format!("{text} ")).collect();
    assert!(all.contains("&lt;Tiny &amp; odd&gt;") || all.contains("California"), "{all}");
    let mut boxes: Vec<([f64; 4], &str)> = Vec::new();
    for (tag, text) in written.iter().filter(|(tag, _)| tag.starts_with("text ")) {
        let number = |name| attribute(tag, name).unwrap().parse::<f64>().unwrap() / f64::from(SCALE);
        let (x, y, size) = (number("x"), number("y"), number("font-size"));
        assert!(size >= 12.0 && (0.0..=height - 4.0).contains(&y), "{text}: {}", fail());
        assert!((8.0..=width - 8.0).contains(&x) || !tag.contains("rotate"), "{text} at {x} of {width}");
        if !tag.contains("rotate") {
            // Letters take less than plotters estimates; wide ones are as wide as high.
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let wide: f64 = text.chars().map(|c| size * if c.is_ascii() { 0.53 } else { 1.0 }).sum();
            let left = match attribute(tag, "text-anchor") {
                None => x,
                Some("end") => x - wide,
                _ => x - wide / 2.0,
            };
            assert!(
                left >= -1.0 && left + wide <= width + 1.0,
                "{text} at {left}..{} of {width}: {figure}",
                left + wide
            );
            let top = match attribute(tag, "dy") {
                Some("0.76em") => y,
                Some("0.35em") => y - size / 2.0,
                _ => y - size,
            };
            boxes.push(([left, left + wide * 0.9, top + 1.0, top + size - 1.0], tag));
        }
    }
    for (i, (a, one)) in boxes.iter().enumerate() {
        for (b, other) in &boxes[i + 1..] {
            let apart = a[1] <= b[0] || b[1] <= a[0] || a[3] <= b[2] || b[3] <= a[2];
            // Points that were measured at one place share it.
            assert!(apart || one.contains("#ffffff"), "{one} overlaps {other}: {}", fail());
        }
    }
}

#[test]
fn the_lab() {
    let data = table("California Housing", &rows(20_640), COLUMNS);
    for figure in [price_map(&data).unwrap(), histogram(&data).unwrap()] {
        check(&figure);
        assert!(figure.title().starts_with("California Housing: "), "{figure}");
        assert!(figure.svg().contains("median house value, 100,000 US dollars"), "{figure}");
        assert!(figure.svg().contains("20,640 rows"), "{figure}");
    }
    assert!(histogram(&data).unwrap().svg().contains("at the cap of 5.00001: 2,064 rows"));
    for figure in of_outcome("California Housing", &lab(), 2, &prices(4_128)) {
        check(&figure);
        assert!(figure.title().starts_with("California Housing: "), "{figure}");
        let unit = ["seconds", "times as fast", "US dollars"];
        assert!(unit.iter().any(|unit| figure.svg().contains(unit)), "{figure}");
    }
}

#[test]
fn odd_runs() {
    let many: Vec<_> = (0..300).map(|i| params(10 * (1 + i % 30), 1 + i / 30)).collect();
    let depths: Vec<_> = [2, 5, 9].map(|depth| params(100, depth)).to_vec();
    let large: Vec<_> = (1..=4).map(|i| params(250 * i, 20)).collect();
    let name = "<Tiny & odd>";
    for models in [&lab()[..], &lab()[..1], &[params(1, 1)], &many, &depths, &large] {
        for workers in [1, 2, 64, 300] {
            for actual in [&prices(500)[..], &[2.0; 20], &[1.5], &[0.0, 0.0], &[-1e9, 1e9], &[1e-7, 2e-7]] {
                of_outcome(name, models, workers, actual).iter().for_each(check);
            }
        }
    }
}

#[test]
fn odd_tables() {
    let far = [[-89.0, -179.0, 1.0], [89.0, 179.0, 1e7]];
    let row = |lat: f64, price: f64| [lat, -120.0, price];
    let line: Vec<_> = (0..500).map(|i| row(30.0 + f64::from(i) / 50.0, f64::from(i))).collect();
    let same = vec![row(37.0, 2.0); 200];
    for rows in [&rows(30)[..], &rows(2), &same, &far, &line, &[row(90.0, -3.0), row(90.0, -3.0)]] {
        let data = table("<Tiny & odd>", rows, COLUMNS);
        [price_map(&data).unwrap(), histogram(&data).unwrap()].iter().for_each(check);
    }
    let long =
        table(&format!("<Tiny & odd> {} \u{1}{}", "a".repeat(300), "word ".repeat(60)), &rows(30), COLUMNS);
    check(&histogram(&long).unwrap());
}

#[test]
fn nothing_to_draw_is_refused() {
    let mut empty = outcome("empty", &lab(), 1, &[1.0, 2.0]);
    let charts = [error_by_trees, predicted_against_actual, timeline];
    empty.models.clear();
    empty.tasks.clear();
    for error in charts.map(|chart| chart(&empty).unwrap_err()) {
        assert_eq!(error.kind(), ErrorKind::Chart);
        assert!(error.to_string().contains(" 0 "), "{error}");
    }
    let no_place = table("flat", &[[1.0, 2.0, 3.0]; 2], ["Latitude", "Height", "Price"]);
    let error = price_map(&no_place).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Chart);
    assert!(error.to_string().contains("\"Longitude\"") && error.to_string().contains("Height"), "{error}");
}

#[test]
fn lines_are_of_the_palette() {
    let both = outcome("California", &lab(), 2, &prices(100));
    let svg = error_by_trees(&both).unwrap().svg;
    let colours = svg.split("=\"#").skip(1).map(|rest| &rest[..6]);
    let hex = |c: plotters::style::RGBColor| format!("{:02x}{:02x}{:02x}", c.0, c.1, c.2);
    let known: Vec<_> =
        colour::OKABE_ITO.into_iter().chain([colour::INK, colour::MUTED, colour::GRID]).map(hex).collect();
    colours.for_each(|colour| assert!(colour == "ffffff" || known.iter().any(|k| k == colour), "{colour}"));
}

#[test]
fn marks_have_tooltips() {
    let both = outcome("California", &lab(), 2, &prices(100));
    assert!(timeline(&both).unwrap().svg().contains("<title>worker 0: model 0, 50 trees, "));
    assert!(error_by_trees(&both).unwrap().svg().contains("<title>340 trees: MSE 0."));
    let data = table("California", &rows(300), COLUMNS);
    assert!(histogram(&data).unwrap().svg().contains("<title>0.1 to 0.2: "));
}

#[test]
fn values_that_are_not_finite() {
    let undefined = |actual: &[f64]| outcome("California", &lab(), 2, actual);
    let mut none = undefined(&[1.0, 2.0]);
    for model in &mut none.models {
        model.scores.mse = f64::NAN;
    }
    assert_eq!(error_by_trees(&none).unwrap_err().kind(), ErrorKind::Chart);
    let endless = undefined(&[1e200, -1e200]);
    assert_eq!(predicted_against_actual(&endless).unwrap_err().kind(), ErrorKind::Chart);
    // A part of them undefined: the rest is drawn.
    let mut some = undefined(&prices(10));
    some.models[3].scores.mse = f64::NAN;
    check(&error_by_trees(&some).unwrap());
}

#[test]
fn other_hyperparameters_that_differ_are_named() {
    let models: Vec<_> =
        [50, 100].iter().flat_map(|&trees| [4, 8].map(|depth| params(trees, depth))).collect();
    let both = Comparison::of([
        &outcome("California", &models, 1, &prices(100)),
        &outcome("California", &models, 2, &prices(100)),
    ]);
    let svg = seconds_per_model(&both.unwrap()).unwrap().svg;
    assert!(
        svg.contains("they differ in max_depth as well") && svg.contains("<title>50 trees max_depth=4: ")
    );
}

#[test]
fn a_measured_point_stands_in_the_chart_and_in_words() {
    let both = Comparison::of([
        &outcome("California", &lab(), 1, &prices(100)),
        &outcome("California", &lab(), 2, &prices(100)),
    ]);
    let figure = projection(&projected(&both.unwrap())).unwrap();
    let written = texts(figure.svg());
    for letter in ["A", "B", "C"] {
        assert_eq!(written.iter().filter(|(_, text)| text == letter).count(), 1, "{letter}");
    }
    assert!(figure.description().contains("15.20 on 16 workers (another <way>)"), "{figure}");
}

#[test]
fn saved_whole() {
    let folder = std::env::temp_dir().join(format!("helper-chart-{}", std::process::id()));
    let figure = timeline(&outcome("California", &lab(), 2, &prices(10))).unwrap();
    let path = folder.join("below").join("timeline.svg");
    figure.save(&path).unwrap();
    figure.save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), figure.svg());
    assert_eq!(std::fs::read_dir(folder.join("below")).unwrap().count(), 1);
    let error = figure.save(path.join("not-a-folder.svg")).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("not-a-folder.svg"));
    for name in ["map.png", "map", "map.svg.pdf"] {
        let error = figure.save(folder.join(name)).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidParameter && error.to_string().contains(".svg"), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(figure.path().ends_with("report/charts/timeline-2-workers.svg"));
}

#[test]
fn warnings_stand_in_charts() {
    let (mut one, many) =
        (outcome("California", &lab(), 1, &prices(100)), outcome("California", &lab(), 2, &prices(100)));
    // Too long for the work of its tasks: the speedup lies above the ceiling.
    one.seconds *= 3.0;
    let both = Comparison::of([&one, &many]).unwrap();
    assert!(both.warnings().iter().any(|warning| warning.starts_with("Not measured")));
    for figure in [seconds_per_model(&both).unwrap(), projection(&Projection::of(&both).unwrap()).unwrap()] {
        check(&figure);
        assert!(figure.svg().contains("Not measured"), "{figure}");
    }
    one.warnings.push("the disk is full".to_owned());
    assert!(timeline(&one).unwrap().svg().contains("Warning: the disk is full."));
}
