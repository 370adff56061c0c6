//! Bins of round widths, for histograms and for squares of maps.

/// The smallest of 1, 2 and 5 times a power of ten that is not below `x`.
fn nice_above(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= x * (1.0 - 1e-9)).unwrap_or(10.0);
    step * power
}

/// Width of bins that cut this range into `bins` at most.
pub(super) fn bin_width((low, high): (f64, f64), bins: f64) -> f64 {
    match high - low {
        spread if spread > 0.0 => nice_above((spread / bins).max(1e-12 * high.abs())),
        _ => nice_above(0.02 * high.abs().max(1e-6)),
    }
}

/// The index of the bin that holds a value; bin 0 begins at zero.
pub(super) fn bin(value: f64, width: f64) -> i64 {
    (value / width + 1e-6).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_have_round_widths() {
        assert_eq!([0.0837, 3.0, 5.0, 6.0].map(nice_above), [0.1, 5.0, 5.0, 10.0]);
        assert_eq!((bin_width((0.15, 5.0), 60.0), bin(0.3, 0.1), bin(-0.05, 0.1)), (0.1, 3, -1));
    }
}
