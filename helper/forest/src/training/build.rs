//! Validating and sorting.

use super::TrainingSet;
use super::layout::{Header, MOST};
use crate::matrix::check_column;
use crate::{Error, Matrix, Scale};

pub(super) fn build(
    x: Matrix<'_>,
    y: &[f64],
    sample_weight: Option<&[f64]>,
    scale: Option<Scale>,
) -> Result<TrainingSet, Error> {
    let (n_rows, n_features) = (x.n_rows(), x.n_columns());
    if n_rows == 0 || n_features == 0 {
        return Err(Error::empty(if n_rows == 0 { "rows of x" } else { "columns of x" }));
    }
    if n_rows.max(n_features) > MOST {
        let allowed = format_args!("at most {MOST}");
        return Err(Error::count("rows and of columns of x", n_rows.max(n_features), allowed));
    }
    check_column(y, "y", n_rows)?;
    x.check_finite()?;
    let weights = match sample_weight {
        Some(weights) => check_weights(weights, n_rows)?,
        None => None,
    };

    let largest = y.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let finest = Scale::for_targets(largest, n_rows);
    let scale = scale.unwrap_or(finest);
    if scale.exponent() < finest.exponent() {
        let allowed = format!("{finest:?} or coarser: targets here go up to {largest}");
        return Err(Error::parameter("scale", format!("{scale:?}"), allowed));
    }
    let fixed: Vec<i64> = y.iter().map(|&v| scale.to_fixed(v)).collect();
    let offset = *fixed.iter().min().expect("there are rows");
    let span = (fixed.iter().max().expect("there are rows") - offset) as u64;

    let mut values = Vec::new();
    let mut starts = vec![0];
    // The distinct values first: they say how large everything is.
    let mut orders: Vec<Vec<u64>> = Vec::with_capacity(n_features);
    let (mut keys, mut spare) = (Vec::new(), vec![(0, 0); n_rows]);
    for feature in 0..n_features {
        keys.clear();
        keys.extend((0..n_rows).map(|row| (key(x.get(row, feature)), row as u32)));
        sort(&mut keys, &mut spare);
        let mut last = None;
        let ranked = keys.iter().map(|&(k, row)| {
            if last != Some(k) {
                last = Some(k);
                values.push(value(k));
            }
            let rank = values.len() as u64 - 1 - starts[feature];
            rank << 32 | u64::from(row)
        });
        orders.push(ranked.collect());
        starts.push(values.len() as u64);
    }

    let n_values = values.len();
    let weighted = weights.is_some();
    let header = Header { n_rows, n_features, n_values, weighted, scale, offset, span };
    let at = header.sections().expect("an input in memory is not that large");
    let mut words = vec![0u64; at.end];
    header.write(&mut words);
    for (word, t) in words[at.targets..].iter_mut().zip(&fixed) {
        *word = (t - offset) as u64;
    }
    for (word, w) in words[at.weights..].iter_mut().zip(weights.unwrap_or_default()) {
        *word = w.to_bits();
    }
    words[at.starts..][..starts.len()].copy_from_slice(&starts);
    for (word, v) in words[at.values..].iter_mut().zip(&values) {
        *word = v.to_bits();
    }
    let (short, entries) = (header.short(), &mut words[at.orders..]);
    for (feature, order) in orders.iter().enumerate() {
        let from = feature * at.stride;
        if short {
            let entries: &mut [u32] = bytemuck::cast_slice_mut(entries);
            for (entry, ranked) in entries[from..].iter_mut().zip(order) {
                *entry = (ranked >> 32 << 16 | ranked & 0xffff) as u32;
            }
        } else {
            entries[from..from + n_rows].copy_from_slice(order);
        }
    }
    Ok(TrainingSet { words })
}

/// Scaled by a power of two so that the largest is between 1 and 2. None where all weigh the
/// same, which is the same as no weights.
fn check_weights(weights: &[f64], n_rows: usize) -> Result<Option<Vec<f64>>, Error> {
    let what = "sample_weight";
    check_column(weights, what, n_rows)?;
    if let Some(row) = weights.iter().position(|&w| w < 0.0) {
        return Err(Error::value(what, row, weights[row], "0 or more"));
    }
    let largest = weights.iter().fold(0.0, |m: f64, &w| m.max(w));
    if largest == 0.0 {
        return Err(Error::value(what, 0, 0.0, "above 0 where all others are 0"));
    }
    let same = weights.iter().all(|&w| w == weights[0]);
    Ok((!same).then(|| weights.iter().map(|&w| Scale::normalise(w, largest)).collect()))
}

/// Sorts by key, then row; the rows are in order already. `spare` has the same length.
fn sort(keys: &mut Vec<(u64, u32)>, spare: &mut Vec<(u64, u32)>) {
    if keys.len() < 1000 {
        return keys.sort_unstable();
    }
    // Byte by byte from the lowest, keeping the order of equal ones.
    let mut counts = [[0usize; 256]; 8];
    for &(k, _) in keys.iter() {
        k.to_le_bytes().iter().zip(&mut counts).for_each(|(&byte, counts)| counts[byte as usize] += 1);
    }
    for (byte, counts) in counts.iter_mut().enumerate() {
        let digit = |k: u64| (k >> (8 * byte)) as u8 as usize;
        if counts[digit(keys[0].0)] == keys.len() {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &pair in keys.iter() {
            let place = &mut counts[digit(pair.0)];
            spare[*place] = pair;
            *place += 1;
        }
        std::mem::swap(keys, spare);
    }
}

/// Integers that sort as the numbers do; 0 and -0 are the same.
fn key(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The number that a key stands for.
fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_by_bytes_is_sorting() {
        for bits in [3, 20, 64] {
            let mut keys: Vec<(u64, u32)> = (0..5000u32)
                .map(|row| (u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits), row))
                .collect();
            let mut expected = keys.clone();
            expected.sort();
            let mut spare = vec![(0, 0); keys.len()];
            sort(&mut keys, &mut spare);
            assert_eq!(keys, expected);
        }
    }

    #[test]
    fn keys_sort_as_numbers_do() {
        let sorted = [-1e300, -1.0, -1e-300, 0.0, 5e-324, 1.0, 1e300];
        assert!(sorted.map(key).is_sorted_by(|a, b| a < b));
        assert_eq!(key(0.0), key(-0.0));
        assert_eq!(sorted.map(|x| value(key(x))), sorted);
    }
}
