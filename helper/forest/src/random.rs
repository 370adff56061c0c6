//! Random numbers that are the same on every machine and with every version of any library.
//!
//! The generator is named (ChaCha with 8 rounds, Bernstein 2008), and what is drawn from it is defined
//! here: libraries promise neither for their default generators.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// A stream of random numbers. One seed has 2^64 streams that are independent of each other: a forest
/// takes one for each tree.
///
/// ```
/// let mut stream = forest::Stream::new(42, 0);
/// let (die, share) = (1 + stream.below(6), stream.unit());
/// assert!(die <= 6 && share < 1.0);
/// assert_eq!(1 + forest::Stream::new(42, 0).below(6), die);
/// ```
#[derive(Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
    /// What is left of the word that `pick` takes its numbers from, and its range so far.
    word: u64,
    spent: u64,
}

impl Stream {
    /// The stream number `index` under `seed`: the seed is the first 8 bytes (little-endian) of a key
    /// that is zero otherwise, and the index is ChaCha's 64-bit nonce.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(index);
        Stream { rng, word: 0, spent: 1 << 33 }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in `0..bound`, without bias.
    ///
    /// Lemire, "Fast Random Integer Generation in an Interval", <https://doi.org/10.1145/3230636>.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below 0");
        loop {
            let product = u128::from(self.rng.next_u64()) * u128::from(bound);
            // A low half below `2^64 mod bound` would make some results more likely than others.
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in [0, 1): one of 2^53 numbers that are equally far apart.
    pub fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `0..n` in random order (Fisher-Yates, from the last place down).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }

    /// As [`below`](Self::below), from 32 bits at a time: other numbers, in less time.
    #[inline]
    pub(crate) fn below_u32(&mut self, n: u32) -> u32 {
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
            [stream.below_u32(1000), stream.below_u32(1000), stream.pick(8), stream.pick(7)]
        };
        assert_eq!(draw(42, 0), draw(42, 0));
        assert_ne!(draw(42, 0), draw(42, 1));
        assert_ne!(draw(42, 0), draw(43, 0));
    }

    #[test]
    fn is_chacha8_as_published() {
        // ChaCha8, 256-bit key of zeros, nonce 0, first 8 bytes of the keystream
        // (draft-strombergson-chacha-test-vectors-00, TC1: 3e 00 ef 2f 89 5f 40 d6).
        let published = [0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6];
        assert_eq!(Stream::new(0, 0).next_u64(), u64::from_le_bytes(published));
    }

    #[test]
    fn every_sampling_is_uniform() {
        let mut stream = Stream::new(1, 2);
        let mut counts = [[0i32; 7]; 4];
        for _ in 0..70_000 {
            counts[0][stream.below(7) as usize] += 1;
            counts[1][stream.below_u32(7) as usize] += 1;
            counts[2][stream.pick(7) as usize] += 1;
            counts[3][(7.0 * stream.unit()) as usize] += 1;
        }
        // Standard deviation of each count is 93.
        for count in counts.as_flattened() {
            assert!((count - 10_000).abs() < 500, "{counts:?}");
        }
    }

    #[test]
    fn a_permutation_has_every_number_once() {
        for n in [0, 1, 2, 50] {
            let mut order = Stream::new(3, 0).permutation(n);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..n));
        }
    }
}
