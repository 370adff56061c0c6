//! Validating and sorting.

use super::TrainingSet;
use super::layout::{Header, MOST};
use crate::{Error, Matrix, Scale, Vector};

pub(super) fn build(
    x: &Matrix<'_>,
    y: &Vector<'_>,
    sample_weight: Option<&Vector<'_>>,
) -> Result<TrainingSet, Error> {
    let (n_rows, n_features) = (x.n_rows(), x.n_columns());
    if n_rows == 0 || n_features == 0 {
        return Err(Error::Empty { what: if n_rows == 0 { "x, by rows," } else { "x, by columns," } });
    }
    if n_rows.max(n_features) > MOST {
        let (what, found) = ("rows or columns of x (at most this many)", n_rows.max(n_features));
        return Err(Error::Shape { what, found, expected: MOST });
    }
    y.check("y", n_rows)?;
    x.check_finite()?;
    let weights = match sample_weight {
        Some(weights) => check_weights(weights, n_rows)?,
        None => None,
    };

    let largest = y.0.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let scale = Scale::for_targets(largest, n_rows);
    let fixed: Vec<i64> = y.0.iter().map(|&v| scale.to_fixed(v)).collect();
    let offset = *fixed.iter().min().expect("there are rows");
    let span = (fixed.iter().max().expect("there are rows") - offset) as u64;

    let mut values = Vec::new();
    let mut starts = vec![0];
    // First pass: the distinct values, which say how large everything is.
    let mut sorted: Vec<Vec<(u64, u32)>> = Vec::with_capacity(n_features);
    for feature in 0..n_features {
        let mut keys: Vec<(u64, u32)> =
            (0..n_rows).map(|row| (key(x.get(row, feature)), row as u32)).collect();
        keys.sort_unstable();
        for (i, &(k, _)) in keys.iter().enumerate() {
            if i == 0 || keys[i - 1].0 != k {
                values.push(value(k));
            }
        }
        starts.push(values.len() as u64);
        sorted.push(keys);
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
    for (feature, keys) in sorted.iter().enumerate() {
        let mut rank = 0;
        let ranked = keys.iter().enumerate().map(|(i, &(k, row))| {
            rank += u64::from(i > 0 && keys[i - 1].0 != k);
            (rank, row)
        });
        let orders = &mut words[at.orders..];
        if header.short() {
            let orders: &mut [u32] = bytemuck::cast_slice_mut(orders);
            let list = orders[feature * at.stride..].iter_mut();
            list.zip(ranked).for_each(|(e, (rank, row))| *e = (rank as u32) << 16 | row);
        } else {
            let list = orders[feature * at.stride..].iter_mut();
            list.zip(ranked).for_each(|(e, (rank, row))| *e = rank << 32 | u64::from(row));
        }
    }
    Ok(TrainingSet { words })
}

/// Scaled by a power of two so that the largest is between 1 and 2. None where all weigh the
/// same, which is the same as no weights.
fn check_weights(weights: &Vector<'_>, n_rows: usize) -> Result<Option<Vec<f64>>, Error> {
    let what = "sample_weight";
    weights.check(what, n_rows)?;
    let weights = &weights.0;
    let refuse =
        |row: usize, allowed| Err(Error::Value { what, row, column: 0, value: weights[row], allowed });
    if let Some(row) = weights.iter().position(|&w| w < 0.0) {
        return refuse(row, "numbers of 0 or more");
    }
    let largest = weights.iter().fold(0.0, |m: f64, &w| m.max(w));
    if largest == 0.0 {
        return refuse(0, "weights of which at least one is above 0");
    }
    let same = weights.iter().all(|&w| w == weights[0]);
    Ok((!same).then(|| weights.iter().map(|&w| Scale::normalise(w, largest)).collect()))
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
    fn keys_sort_as_numbers_do() {
        let sorted = [-1e300, -1.0, -1e-300, 0.0, 5e-324, 1.0, 1e300];
        assert!(sorted.map(key).is_sorted_by(|a, b| a < b));
        assert_eq!(key(0.0), key(-0.0));
        assert_eq!(sorted.map(|x| value(key(x))), sorted);
    }
}
