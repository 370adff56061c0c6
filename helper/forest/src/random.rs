//! One stream of random numbers per tree: ChaCha8, with a bounded sampling of our own, so
//! that a tree depends on its seed and index alone and is the same on every machine.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

pub(crate) struct Stream {
    rng: ChaCha8Rng,
    /// What is left of the word that `pick` takes its numbers from, and its range so far.
    word: u64,
    spent: u64,
}

impl Stream {
    /// The stream number `index` under `seed`.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(index);
        Stream { rng, word: 0, spent: 1 << 33 }
    }

    /// Uniform in `0..n`, without bias (Lemire, <https://doi.org/10.1145/3230636>).
    #[inline]
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        let mut product = u64::from(self.rng.next_u32()) * u64::from(n);
        if (product as u32) < n {
            let unfair = n.wrapping_neg() % n;
            while (product as u32) < unfair {
                product = u64::from(self.rng.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// Nearly uniform in `0..n` (to one part in 2^32 / n); several picks share a word.
    #[inline]
    pub(crate) fn pick(&mut self, n: u32) -> u32 {
        // At most 2^33 before.
        self.spent *= u64::from(n);
        if self.spent > 1 << 32 {
            self.word = self.rng.next_u64();
            self.spent = u64::from(n);
        }
        let product = u128::from(self.word) * u128::from(n);
        self.word = product as u64;
        (product >> 64) as u32
    }

    /// Puts items into a random order; `each` is given every item and its new place.
    #[inline]
    pub(crate) fn shuffle(&mut self, items: &mut [u32], mut each: impl FnMut(u32, u32)) {
        let mut rest = items;
        for place in 0.. {
            let n = rest.len();
            if n == 0 {
                break;
            }
            rest.swap(0, self.pick(n as u32) as usize);
            each(rest[0], place);
            rest = &mut rest[1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_differ() {
        let draw = |seed, index| {
            let mut stream = Stream::new(seed, index);
            [stream.below(1000), stream.below(1000), stream.pick(8), stream.pick(7)]
        };
        assert_eq!(draw(42, 0), draw(42, 0));
        assert_ne!(draw(42, 0), draw(42, 1));
        assert_ne!(draw(42, 0), draw(43, 0));
    }

    #[test]
    fn both_samplings_are_uniform() {
        let mut stream = Stream::new(1, 2);
        let (mut below, mut pick) = ([0i32; 7], [0i32; 7]);
        for _ in 0..70_000 {
            below[stream.below(7) as usize] += 1;
            pick[stream.pick(7) as usize] += 1;
        }
        // Standard deviation of each count is 93.
        for count in below.into_iter().chain(pick) {
            assert!((count - 10_000).abs() < 500, "{below:?} {pick:?}");
        }
    }
}
