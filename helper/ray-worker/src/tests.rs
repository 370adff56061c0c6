use super::*;
use forest::{Forest, Matrix, Params, TrainingSet};

fn table() -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 101)).collect();
    let y = x.chunks(3).map(|row| row[0] + 2.0 * row[1]).collect();
    (x, y)
}

/// Calls the C functions as Python does.
fn call(inputs: &[&[u8]], request: &str) -> (i32, Vec<u8>) {
    let inputs: Vec<Input> = inputs.iter().map(|i| Input { data: i.as_ptr(), length: i.len() }).collect();
    let mut output = Output { data: std::ptr::null_mut(), length: 0 };
    // SAFETY: all pointers are to live slices of these lengths; the output is read before it is freed.
    unsafe {
        let status =
            ray_worker_run(inputs.as_ptr(), inputs.len(), request.as_ptr(), request.len(), &raw mut output);
        let made = std::slice::from_raw_parts(output.data, output.length).to_vec();
        ray_worker_free(&raw mut output);
        ray_worker_free(&raw mut output);
        (status, made)
    }
}

fn request(params: &Params, trees: &str, more: &str) -> String {
    format!(r#"{{"params":{},"trees":{trees}{more}}}"#, serde_json::to_string(params).unwrap())
}

fn sums(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks(8).map(|word| i64::from_le_bytes(word.try_into().unwrap())).collect()
}

#[test]
fn gives_the_sums_that_the_crate_gives() {
    let (x, y) = table();
    let set = TrainingSet::new(Matrix::from_rows(&x, 3).unwrap(), &y).unwrap();
    let params = Params { n_estimators: 25, max_depth: Some(7), seed: 3, ..Params::default() };
    let inputs = [set.as_bytes(), bytemuck::cast_slice(&x)];
    let (status, made) = call(&inputs, &request(&params, r#"{"start":2,"end":25}"#, ""));
    assert_eq!(status, FINISHED);
    let mut expected = vec![0; y.len()];
    let forest = Forest::fit(&set, &params).unwrap();
    forest.add_predictions(2..25, Matrix::from_rows(&x, 3).unwrap(), &mut expected).unwrap();
    assert_eq!(sums(&made), expected);
}

#[test]
fn a_shard_that_is_the_whole_gives_the_same() {
    let (x, y) = table();
    let set = TrainingSet::new(Matrix::from_rows(&x, 3).unwrap(), &y).unwrap();
    let params = Params { n_estimators: 4, ..Params::default() };
    let column = |c: usize| x.chunks(3).map(move |row| row[c]).collect::<Vec<_>>();
    let table: Vec<f64> = (0..3).flat_map(column).chain(y.iter().copied()).collect();
    let largest = y.iter().fold(0.0_f64, |a, y| a.max(y.abs())).to_bits();
    let shard = format!(r#","shard":{{"columns":4,"rows":{},"largest":{largest}}}"#, y.len());
    let trees = r#"{"start":0,"end":4}"#;
    let test: &[u8] = bytemuck::cast_slice(&x);
    let parts = call(&[test, bytemuck::cast_slice(&table)], &request(&params, trees, &shard));
    assert_eq!(parts, call(&[set.as_bytes(), test], &request(&params, trees, "")));
}

#[test]
fn refusals_and_panics_are_messages() {
    let (x, y) = table();
    let set = TrainingSet::new(Matrix::from_rows(&x, 3).unwrap(), &y).unwrap();
    let (fine, test) = (set.as_bytes(), bytemuck::cast_slice(&x));
    let params = Params { n_estimators: 4, ..Params::default() };
    let all = r#"{"start":0,"end":4}"#;
    let odd = Params { max_depth: Some(0), ..params };
    let cases: [(&[&[u8]], String, i32, &str); 7] = [
        (&[fine, test], request(&params, all, r#","panic":true"#), PANICKED, "sabotaged"),
        (&[fine, test], request(&params, r#"{"start":0,"end":5}"#, ""), REFUSED, "0..5"),
        (&[fine, test], request(&odd, all, ""), REFUSED, "max_depth"),
        (&[fine, test], "{}".into(), REFUSED, "./scripts/setup"),
        (&[fine, test], request(&params, all, r#","new":1"#), REFUSED, "./scripts/setup"),
        (&[test, test], request(&params, all, ""), REFUSED, "forest refused"),
        (&[fine], request(&params, all, ""), REFUSED, "1 inputs"),
    ];
    for (inputs, request, expected, says) in cases {
        let (status, made) = call(inputs, &request);
        let message = String::from_utf8(made).unwrap();
        assert!(status == expected && message.contains(says), "{status}: {message}");
    }
}

#[test]
fn the_interface_has_a_version() {
    assert_eq!(ray_worker_abi(), ABI);
}
