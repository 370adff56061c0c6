//! Charts of a reader's own, and those that only lessons use.

use super::*;

#[test]
fn own_lines_and_bars() {
    let x: Vec<f64> = (1..=80).map(f64::from).collect();
    let fall: Vec<f64> = x.iter().map(|x| 1.0 / x).collect();
    let mut odd = vec![f64::NAN; 80];
    odd[3] = 0.5;
    for lines in [&[("one", &fall)][..], &[("one", &fall), ("\u{623f}\u{4fa1}", &odd), ("<b>", &x)]] {
        let figure =
            crate::chart::lines("California <b>, MSE", ("trees", &x), lines.iter().copied()).unwrap();
        check(&figure);
        assert!(texts(figure.svg()).iter().any(|(_, text)| text == "MSE"), "{figure}");
        assert!(figure.description().contains("one: from 0.0125 to 1"), "{figure}");
    }
    assert!(
        crate::chart::lines("California", ("x", [1.0]), [("y", [2.0])])
            .unwrap()
            .svg()
            .contains("<title>y: 2 at x 1")
    );
    let error = crate::chart::lines("California", ("x", &x), [("short", [1.0])]).unwrap_err();
    assert!(
        error.kind() == ErrorKind::InvalidParameter && error.to_string().contains("\"short\" is 1"),
        "{error}"
    );
    assert_eq!(
        crate::chart::lines("California", ("x", [1.0]), [("y", [f64::NAN])]).unwrap_err().kind(),
        ErrorKind::Chart
    );

    let many: Vec<(String, f64)> = (0..40).map(|i| ("name ".repeat(i), f64::from(i as u32) - 9.0)).collect();
    for values in [&many[..], &many[..1], &[("odd".to_owned(), f64::NAN), ("zero".to_owned(), 0.0)]] {
        check(&bars("California, seconds", values.iter().cloned()).unwrap());
    }
    let none: [(&str, f64); 0] = [];
    assert_eq!(bars("California", none).unwrap_err().kind(), ErrorKind::Chart);
    let path = bars("California: <1> / \u{623f}", [("a", 1.0)]).unwrap().path();
    assert!(path.ends_with("report/charts/own-california-1-\u{623f}.svg"), "{}", path.display());
}

#[test]
fn heat_maps_are_of_what_was_varied() {
    let grid = |trees: &[usize], depths: usize| -> Vec<Params> {
        trees.iter().flat_map(|&trees| (1..=depths).map(move |depth| params(trees, depth))).collect()
    };
    let map = |models: &[Params], x, y| heat_map(&outcome("California", models, 1, &prices(100)), x, y);
    for trees in [&[50, 9, 100][..], &[1, 2], &(1..40).collect::<Vec<_>>()] {
        for depths in [2, 12, 30] {
            check(&map(&grid(trees, depths), "max_depth", "n_estimators").unwrap());
        }
    }
    let figure = map(&grid(&[50, 9, 100], 12), "max_depth", "n_estimators").unwrap();
    let written: Vec<String> = texts(figure.svg()).into_iter().map(|(_, text)| text).collect();
    let at = |label: &str| written.iter().position(|text| text == label).unwrap();
    assert!(at("9") < at("50") && at("50") < at("100"), "numbers are in order, not letters: {written:?}");
    assert!(figure.svg().contains("<title>max_depth=3, n_estimators=9: MSE "), "{figure}");
    let mut out_of_bag = outcome("California", &grid(&[50, 100], 3), 1, &prices(100));
    for (i, model) in out_of_bag.models.iter_mut().enumerate() {
        let scores = Scores { mse: 0.5 + i as f64, ..model.scores };
        model.oob = Some(OutOfBag { scores, missing: 0 });
    }
    let figure = heat_map(&out_of_bag, "max_depth", "n_estimators").unwrap();
    assert!(figure.title().contains("out-of-bag error"), "{figure}");
    assert!(figure.description().contains("max_depth=1, n_estimators=50: MSE 0.5000"), "{figure}");
    for (models, x, y, says) in [
        (
            grid(&[50, 100], 3),
            "max_depth",
            "max_features",
            "max_features\", but must be one that the sweep varied: n_estimators, max_depth",
        ),
        (grid(&[50, 100], 3), "max_depth", "max_depth", "second"),
        (grid(&[50, 100], 1), "n_estimators", "max_depth", ".max_depth([4, 8])"),
    ] {
        let error = map(&models, x, y).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidParameter && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn errors_stand_on_the_map_of_their_own_split() {
    let data = table("California Housing", &rows(500), COLUMNS);
    let (split, other) = (data.split(0.2, 1).unwrap(), data.split(0.2, 2).unwrap());
    let mut of_split = outcome("California Housing", &lab(), 2, split.test.y());
    of_split.identity = split.identity();
    let figure = errors_map(&of_split, &split, &data).unwrap();
    check(&figure);
    assert!(figure.svg().contains("100 test rows") || figure.svg().contains("100 rows in"), "{figure}");
    assert!(figure.svg().contains("mean absolute error, 100,000 US dollars"), "{figure}");
    // One test row tells little of a place.
    let (few, mut alone) = (data.split(0.004, 1).unwrap(), of_split.clone());
    (alone.identity, alone.actual) = (few.identity(), few.test.y().to_vec());
    alone.models.iter_mut().for_each(|model| model.predictions.truncate(2));
    let error = errors_map(&alone, &few, &data).unwrap_err().to_string();
    assert!(error.contains("no square of ") && error.contains(" has 3 rows or more"), "{error}");
    let fewer = table("California Housing", &rows(90), COLUMNS);
    for (split, data) in [(&other, &data), (&split, &fewer)] {
        let error = errors_map(&of_split, split, data).unwrap_err();
        assert!(error.kind() == ErrorKind::Chart && error.to_string().contains("give the split"), "{error}");
    }
}

/// Wide letters, in a legend, a title, and the names of bars.
#[test]
fn wide_letters_stay_on_the_sheet() {
    let wide = "\u{623f}\u{4fa1}\u{306e}\u{4e88}\u{6e2c} \u{1f3e0}".repeat(12);
    let title = format!("California {wide}, \u{5186}");
    check(
        &crate::chart::lines(&title, (&wide, [1.0, 2.0]), [(&*wide, [1.0, 2.0]), ("b", [2.0, 1.0])]).unwrap(),
    );
    check(&bars(&title, [(&*wide, 1.0), ("b", 2.0)]).unwrap());
}
