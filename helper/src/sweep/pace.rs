//! The processor's present speed.

use std::hint::black_box;
use std::time::Instant;

/// Steps of the loop: two to three milliseconds at 3 GHz.
const STEPS: u64 = 1_600_000;
const TRIES: usize = 3;

/// Seconds that a loop of fixed length takes on this thread: a chain of multiplications that needs no
/// memory, so that it depends on the processor's clock alone. The least of several tries, so that an
/// interrupt does not count.
pub(super) fn pace() -> f64 {
    let time = |_| {
        let started = Instant::now();
        let mut x = black_box(1_u64);
        for i in 0..STEPS {
            // Each step needs the one before. No black box here: it would go through memory, whose speed
            // depends on the address of the stack.
            x = x.wrapping_mul(6_364_136_223_846_793_005) ^ i;
        }
        black_box(x);
        started.elapsed().as_secs_f64()
    };
    (0..TRIES).map(time).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    #[test]
    fn takes_a_time_that_can_be_measured() {
        let pace = super::pace();
        assert!(pace > 1e-5 && pace.is_finite(), "{pace}");
    }
}
