//! Saving and loading.
#![cfg(feature = "serde")]

mod common;

use common::Table;
use forest::{Forest, MaxFeatures, MaxSamples, Params};
use proptest::prelude::*;
use serde_json::{Value, json};

fn forest() -> (Table, Forest) {
    let t = Table::friedman(60, 5, 1);
    let max_samples = Some(MaxSamples::Fraction(0.7));
    let max_features = MaxFeatures::Count(2);
    let params = Params { n_estimators: 3, max_samples, max_features, ..Params::default() };
    let forest = t.fit(&params);
    (t, forest)
}

#[test]
fn what_is_loaded_is_what_was_saved() {
    let (t, forest) = forest();
    let text = serde_json::to_string(&forest).unwrap();
    let loaded: Forest = serde_json::from_str(&text).unwrap();
    assert!(loaded == forest);
    assert_eq!(loaded.predict(t.matrix()), forest.predict(t.matrix()));
    // It can still grow.
    let mut more = loaded;
    more.fit_more(&t.training(), 5).unwrap();
    assert_eq!(more.trees(), 0..5);
    let piece = Forest::grow(&t.training(), more.params(), 2..4).unwrap();
    let text = serde_json::to_string(&piece).unwrap();
    assert!(serde_json::from_str::<Forest>(&text).unwrap() == piece);
}

type Change = fn(&mut Value);

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::to_value(forest().1).unwrap();
    change(&mut value);
    serde_json::from_value::<Forest>(value).unwrap_err().to_string()
}

#[test]
fn damage_is_refused_and_named() {
    let cases: [(&str, Change); 8] = [
        ("version 9", |v| v["version"] = json!(9)),
        ("n_estimators = 0", |v| v["params"]["n_estimators"] = json!(0)),
        ("more trees", |v| v["params"]["n_estimators"] = json!(2)),
        ("scale", |v| v["exponent"] = json!(5000)),
        // A node that is its own child would never end.
        ("tree 1 is damaged", |v| v["trees"][1]["nodes"][0][1] = json!(0)),
        ("tree 1 is damaged", |v| v["trees"][1]["nodes"][0][1] = json!(100_000)),
        ("tree 2 is damaged", |v| v["trees"][2]["nodes"][0][2] = json!(5)),
        ("tree 0 is damaged", |v| v["trees"][0]["nodes"] = json!([])),
    ];
    for (part, change) in cases {
        let message = refused(change);
        assert!(message.contains(part), "{message}: {part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever is loaded from a damaged text can be used; the rest is refused.
    #[test]
    fn damaged_texts_never_panic_or_hang(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let (t, forest) = forest();
        let mut text = serde_json::to_vec(&forest).unwrap();
        for (at, byte) in changes {
            let at = at.index(text.len());
            // Mostly digits, which keep the text well-formed.
            text[at] = if byte < 200 { b'0' + byte % 10 } else { byte };
        }
        if let Some(cut) = cut.filter(|_| text[0].is_ascii_digit()) {
            text.truncate(cut.index(text.len()));
        }
        if let Ok(loaded) = serde_json::from_slice::<Forest>(&text) {
            let p = loaded.predict(t.matrix());
            prop_assert!(p.is_err() || p.unwrap().iter().all(|p| p.is_finite()));
            loaded.apply(t.matrix()).ok();
            loaded.depth();
        }
    }
}
