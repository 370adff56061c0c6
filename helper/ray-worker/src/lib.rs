//! What a worker of a Ray cluster calls: bytes in, bytes out, through one C function.
//!
//! [`ray_worker_run`] takes a [`Request`] as JSON: to grow a range of the trees of a model, and to add up
//! their predictions. Its inputs lie in memory that the caller owns (Ray's object store, a mapped
//! file), and are not copied. Errors and panics come back as messages.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use learner::Request;
use xxhash_rust::xxh3::xxh3_64;

/// Version of the C interface: the functions here, and the fields of a [`Request`]. `task.py` has the same.
pub const ABI: u32 = 5;

const FINISHED: i32 = 0;
const REFUSED: i32 = 1;
const PANICKED: i32 = 2;

/// Bytes that the caller owns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Input {
    data: *const u8,
    length: usize,
}

/// Bytes that were made here; [`ray_worker_free`] frees them.
#[repr(C)]
#[derive(Debug)]
pub struct Output {
    data: *mut u8,
    length: usize,
}

/// The version of the interface.
#[unsafe(no_mangle)]
pub extern "C" fn ray_worker_abi() -> u32 {
    ABI
}

/// A hash of some bytes (XXH3).
///
/// # Safety
/// `data` must point to `length` readable bytes that nobody writes to meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ray_worker_hash(data: *const u8, length: usize) -> u64 {
    // SAFETY: the caller vouches for it.
    xxh3_64(unsafe { slice(data, length) })
}

/// Runs a request, and writes bytes to `output`: the numbers of [`Request::run`] (little-endian, 64 bits
/// each), or a message in UTF-8.
///
/// Returns 0 where it finished, 1 where it was refused, 2 where it panicked.
///
/// # Safety
/// `inputs` must point to `n_inputs` [`Input`]s, each with `length` readable bytes at `data` that
/// nobody writes to meanwhile, `request` to `request_length` such bytes, and `output` to an
/// [`Output`] that may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ray_worker_run(
    inputs: *const Input,
    n_inputs: usize,
    request: *const u8,
    request_length: usize,
    output: *mut Output,
) -> i32 {
    // SAFETY: the caller vouches for these pointers, lengths, and that nobody writes meanwhile.
    let (inputs, request) = unsafe { (slice(inputs, n_inputs), slice(request, request_length)) };
    // SAFETY: likewise, for each of the inputs.
    let inputs: Vec<&[u8]> = inputs.iter().map(|input| unsafe { slice(input.data, input.length) }).collect();
    // The closure changes nothing that is used after a panic.
    let (status, made) = match catch_unwind(AssertUnwindSafe(|| run(&inputs, request))) {
        Ok(Ok(sums)) => (FINISHED, sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()),
        Ok(Err(refused)) => (REFUSED, refused.into_bytes()),
        Err(panic) => (PANICKED, message_of(&*panic).as_bytes().to_vec()),
    };
    let made: Box<[u8]> = made.into();
    let length = made.len();
    // SAFETY: the caller vouches for `output`, whose fields need no drop.
    unsafe { output.write(Output { data: Box::into_raw(made).cast(), length }) };
    status
}

/// Frees what [`ray_worker_run`] wrote there. Freeing it again does nothing.
///
/// # Safety
/// `output` must be what `ray_worker_run` wrote, or all zeros.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ray_worker_free(output: *mut Output) {
    // SAFETY: the caller vouches for `output`.
    let Some(output) = (unsafe { output.as_mut() }) else { return };
    if !output.data.is_null() {
        // SAFETY: pointer and length are those of a box that `ray_worker_run` turned into a pointer; the
        // pointer is overwritten below, so it is freed once.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(output.data, output.length)) });
    }
    *output = Output { data: std::ptr::null_mut(), length: 0 };
}

/// # Safety
/// As for [`std::slice::from_raw_parts`], but with length 0 the pointer may be null.
unsafe fn slice<'a, T>(data: *const T, length: usize) -> &'a [T] {
    if length == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: the caller vouches for it.
    unsafe { std::slice::from_raw_parts(data, length) }
}

fn run(inputs: &[&[u8]], request: &[u8]) -> Result<Vec<i64>, String> {
    let request: Request = serde_json::from_slice(request)
        .map_err(|e| format!("the worker does not understand the request ({e}); run ./scripts/setup"))?;
    request.run(inputs).map_err(|error| error.to_string())
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(without a message)")
}

#[cfg(test)]
mod tests;
