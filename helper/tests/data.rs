//! California Housing, anybody's table, and splits of them.

use std::sync::LazyLock;

use helper::data::{self, Dataset};
use helper::prelude::{Sweep, chart};
use proptest::prelude::*;

/// Read once.
fn housing() -> Dataset {
    static HOUSING: LazyLock<Dataset> =
        LazyLock::new(|| data::california_housing().expect("the tests need the table; see data/README.md"));
    HOUSING.clone()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn is_the_table_that_scikit_learn_gives() {
    let housing = housing();
    assert_eq!(housing.rows(), 20_640);
    assert_eq!(
        housing.features(),
        ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
    );
    assert_eq!(housing.target(), "MedHouseVal");
    // Means of `fetch_california_housing`, to the digits that are published.
    let means =
        [3.870671, 28.639486, 5.429000, 1.096675, 1425.476744, 3.070655, 35.631861, -119.569704, 2.068558];
    for (name, expected) in housing.features().into_iter().chain([housing.target()]).zip(means) {
        let found = mean(&housing.column(name).unwrap());
        assert!((found - expected).abs() < 1e-6, "{name}: mean {found}, not {expected}");
    }
    let first: Vec<f64> = housing.features().iter().map(|name| housing.column(name).unwrap()[0]).collect();
    let expected = [8.3252, 41.0, 6.984126984, 1.023809524, 322.0, 2.555555556, 37.88, -122.23];
    assert!(first.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{first:?}");
}

#[test]
fn target_has_its_deviation_and_its_cap() {
    let target = housing().column("MedHouseVal").unwrap();
    let m = mean(&target);
    let variance = target.iter().map(|y| (y - m).powi(2)).sum::<f64>() / (target.len() - 1) as f64;
    assert!((variance.sqrt() - 1.153956).abs() < 1e-6);
    assert_eq!(target.iter().filter(|&&y| y == 5.00001).count(), 965);
    assert_eq!(target[0], 4.526);
}

#[test]
fn an_unknown_column_is_told_with_those_there_are() {
    let error = housing().column("Price").unwrap_err().to_string();
    assert!(
        error.contains("\"Price\"") && error.contains("MedInc") && error.contains("MedHouseVal"),
        "{error}"
    );
}

#[test]
fn shows_shape_types_and_statistics() {
    let text = housing().to_string();
    for part in ["California Housing", "20,640 rows x 8 features", "f64", "median", "AveOccup", "1,243"] {
        assert!(text.contains(part), "no \"{part}\" in:\n{text}");
    }
}

#[test]
fn the_split_is_the_same_on_every_platform() {
    // scripts/reference/split.py computes these with a ChaCha8 of its own.
    let split = housing().split(0.2, 42).unwrap();
    let reference: Vec<usize> =
        include_str!("reference/split.txt").lines().map(|row| row.parse().unwrap()).collect();
    assert_eq!(split.test.source()[..reference.len()], reference);
}

#[test]
fn a_side_must_not_be_empty() {
    let housing = housing();
    for fraction in [0.0, 1.0, -0.2, 1.5, f64::NAN, 0.99999] {
        let error = housing.split(fraction, 1).unwrap_err().to_string();
        assert!(error.contains("test_fraction") && error.contains(&fraction.to_string()), "{error}");
    }
    assert_eq!(housing.split(1e-9, 1).unwrap().test.len(), 1);
}

#[test]
fn folds_are_parts_of_the_whole() {
    let housing = housing();
    let folds = housing.folds(7, 3).unwrap();
    let mut rows: Vec<usize> = folds.iter().flat_map(|fold| fold.test.source().to_vec()).collect();
    assert_eq!(folds.iter().map(|fold| fold.test.len()).max(), Some(20_640 / 7 + 1));
    rows.sort_unstable();
    assert!(rows.into_iter().eq(0..20_640));
    for fold in &folds {
        assert_eq!(fold.train.len() + fold.test.len(), 20_640);
        assert!(!fold.train.source().contains(&fold.test.source()[0]));
    }
    for k in [0, 1, 20_641] {
        assert!(housing.folds(k, 0).unwrap_err().to_string().starts_with(&format!("k is {k}")));
    }
}

#[test]
fn the_table_as_a_csv_file_gives_the_same_numbers() {
    let housing = housing();
    let names: Vec<&str> = housing.features().into_iter().chain([housing.target()]).collect();
    let columns: Vec<Vec<f64>> = names.iter().map(|name| housing.column(name).unwrap()).collect();
    let mut text = format!("{}\r\n", names.join(","));
    for row in 0..housing.rows() {
        let fields: Vec<String> = columns.iter().map(|column| column[row].to_string()).collect();
        text += &format!("{}\r\n", fields.join(","));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("houses.csv");
    std::fs::write(&path, text).unwrap();
    let read = Dataset::from_csv(&path, "MedHouseVal").unwrap();
    assert!(read.frame().equals(housing.frame()));
    assert_eq!((read.name(), read.source()), ("houses", Some(path.as_path())));
    // Another target stands last, and the features keep their order.
    let income = Dataset::from_csv(&path, "MedInc").unwrap();
    assert_eq!((income.target(), income.features()), ("MedInc", names[1..].to_vec()));
}

#[test]
fn a_csv_file_that_cannot_be_learnt_from_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flats.csv");
    for (text, said) in [
        (
            "rooms,place,rent\n2,Mitte,900\n",
            "has \"Mitte\" for place in line 2, where a finite number belongs",
        ),
        ("rooms,rent\n2,900\n3,\n", "has no value for rent in line 3"),
        ("rooms,price\n2,900\n3,950\n", "target is \"rent\", but must be one of rooms, price"),
        ("rooms,rent\n2,900\n", "flats has 1 rows"),
        ("rooms,rent\n", "flats has 0 rows"),
        ("rent\n900\n950\n", "flats has no column but rent"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Dataset::from_csv(&path, "rent").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let error = Dataset::from_csv(folder.path().join("none.csv"), "rent").unwrap_err().to_string();
    assert!(error.contains("none.csv cannot be read: "), "{error}");
}

#[test]
fn anybodys_table_has_every_chart_but_a_map() {
    let text = "rooms,area,rent\n2,48.5,910\n3,71,1250\n4,96,1490\n5,120,1810\n".to_owned();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("flats.csv"), text).unwrap();
    let flats = Dataset::from_csv(folder.path().join("flats.csv"), "rent").unwrap();
    let sweep = Sweep::over_n_estimators([5, 10]).seed(1).quiet();
    let outcome = sweep.run_sequential(flats.split(0.5, 1).unwrap()).unwrap();
    assert!(chart::histogram(&flats).unwrap().svg().contains("rent"));
    assert!(chart::predicted_against_actual(&outcome).unwrap().svg().contains("rent"));
    assert!(chart::error_by_trees(&outcome).is_ok());
    assert!(outcome.to_string().contains("flats"));
    let error = chart::price_map(&flats).unwrap_err().to_string();
    assert!(error.contains("\"Longitude\"") && error.contains("one of rooms, area, rent"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_split_is_whole_disjoint_and_true(fraction in 0.001..0.999_f64, seed: u64) {
        let housing = housing();
        let split = housing.split(fraction, seed).unwrap();
        prop_assert_eq!(split.test.len(), (20_640.0 * fraction).ceil() as usize);
        let mut rows = [split.train.source(), split.test.source()].concat();
        rows.sort_unstable();
        prop_assert!(rows.into_iter().eq(0..20_640));
        let income = housing.column("MedInc").unwrap();
        let target = housing.column("MedHouseVal").unwrap();
        for side in [&split.train, &split.test] {
            let n = side.len();
            for (i, &row) in side.source().iter().enumerate() {
                prop_assert_eq!(side.x()[..n][i], income[row]);
                prop_assert_eq!(side.y()[i], target[row]);
            }
        }
        prop_assert_eq!(&housing.split(fraction, seed).unwrap(), &split);
        prop_assert_ne!(&housing.split(fraction, seed.wrapping_add(1)).unwrap(), &split);
    }
}
