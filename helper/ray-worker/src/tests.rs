use super::*;
use learner::{Learner, Matrix, Params};

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

fn request() -> Request {
    let params = Params { n_estimators: 25, max_depth: Some(7), seed: 3, ..Params::default() };
    Request {
        learner: Learner::Forest,
        params,
        trees: 2..25,
        n_features: 3,
        shard: None,
        oob_score: false,
        panic: false,
    }
}

#[test]
fn sums_come_back_as_bytes() {
    let (x, y) = table();
    let bytes = Learner::Forest.bytes(Matrix::from_rows(&x, 3).unwrap(), &y).unwrap();
    let inputs = [&*bytes, bytemuck::cast_slice(&x)];
    let (status, made) = call(&inputs, &serde_json::to_string(&request()).unwrap());
    assert_eq!(status, FINISHED);
    let sums: Vec<i64> = made.chunks(8).map(|word| i64::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!(sums, request().run(&inputs).unwrap());
}

#[test]
fn refusals_and_panics_are_messages() {
    let text = |request: &Request| serde_json::to_string(request).unwrap();
    let cases = [
        (text(&Request { panic: true, ..request() }), PANICKED, "sabotaged"),
        (text(&request()), REFUSED, "0 inputs"),
        ("{}".to_owned(), REFUSED, "./scripts/setup"),
        (text(&request()).replacen('{', r#"{"new":1,"#, 1), REFUSED, "./scripts/setup"),
    ];
    for (request, expected, says) in cases {
        let (status, made) = call(&[], &request);
        let message = String::from_utf8(made).unwrap();
        assert!(status == expected && message.contains(says), "{status}: {message}");
    }
}

#[test]
fn the_interface_has_a_version() {
    assert_eq!(ray_worker_abi(), ABI);
}

#[test]
fn the_hash_is_that_of_the_bytes() {
    let numbers: Vec<f64> = (0..6).map(f64::from).collect();
    let bytes: &[u8] = bytemuck::cast_slice(&numbers);
    // SAFETY: a live slice of this length.
    let hash = unsafe { ray_worker_hash(bytes.as_ptr(), bytes.len()) };
    // The same numbers are hashed in `scripts/tests/test_ray_cluster.py`.
    assert_eq!(hash, 0xa801_13a1_0db8_b763);
}
