//! Numbers, times, sizes and units as text, and text made safe for HTML.

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number with commas between thousands.
pub(crate) fn thousands(n: impl TryInto<u64>) -> String {
    group(&n.try_into().unwrap_or(u64::MAX).to_string())
}

/// Digits with commas between thousands.
fn group(digits: &str) -> String {
    let comma = |i: usize| i > 0 && (digits.len() - i).is_multiple_of(3);
    digits
        .chars()
        .enumerate()
        .flat_map(|(i, digit)| comma(i).then_some(',').into_iter().chain([digit]))
        .collect()
}

/// A number with this many decimals and commas between thousands; an exponent if very large or small.
pub(crate) fn number(x: f64, decimals: usize) -> String {
    if !x.is_finite() {
        return "undefined".to_owned();
    }
    if x != 0.0 && !(1e-6..1e12).contains(&x.abs()) {
        return format!("{x:.1e}");
    }
    let text = format!("{:.decimals$}", x.abs());
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    format!("{}{}{part}", if x < 0.0 && !zero { "\u{2212}" } else { "" }, group(whole))
}

/// A number with about four significant digits.
pub(crate) fn significant(x: f64) -> String {
    match x.abs() {
        a if a.fract() == 0.0 && a < 1e9 => number(x, 0),
        a if (0.001..1.0).contains(&a) => number(x, 4),
        a if (1.0..10_000.0).contains(&a) => number(x, 3),
        a if a.is_finite() => format!("{x:.3e}"),
        _ => number(x, 0),
    }
}

/// The decimals that distinguish numbers `step` apart.
pub(crate) fn decimals(step: f64) -> usize {
    (-step.log10().floor()).clamp(0.0, 6.0) as usize
}

/// A number with its noun in the singular or plural.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n as u64), if n == 1 { one } else { many })
}

/// A duration: `0.25 s`, `14.0 s`, `3 min 5 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} \u{b5}s", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s => {
            let whole = s.round() as u64;
            format!("{} min {} s", whole / 60, whole % 60)
        }
    }
}

/// A score with four decimals, or four digits if very large or small; "undefined" for NaN and infinity.
pub(crate) fn score(score: f64) -> String {
    match score.abs() {
        size if !size.is_finite() => "undefined".to_owned(),
        0.0 | 0.001..1e6 => format!("{score:.4}"),
        _ => format!("{score:.3e}"),
    }
}

/// A line of a CSV file (RFC 4180): a cell with a comma, a quote or a line break is quoted.
pub(crate) fn csv(cells: &[String]) -> String {
    let quoted = cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

/// An amount of memory: `512 MiB`, `1.50 GiB`.
pub(crate) fn memory(bytes: u64) -> String {
    match bytes as f64 / f64::from(1 << 20) {
        mib if mib < 1024.0 => format!("{mib:.0} MiB"),
        mib => format!("{:.2} GiB", mib / 1024.0),
    }
}

/// Splits "median house value, 100,000 US dollars" into the quantity and its unit.
pub(crate) fn quantity(meaning: &str) -> (&str, &str) {
    meaning.rsplit_once(", ").unwrap_or((meaning, ""))
}

/// A value followed by the unit of `meaning`, if it has one.
pub(crate) fn with_unit(value: &str, meaning: &str) -> String {
    match quantity(meaning).1 {
        "" => value.to_owned(),
        unit if unit.starts_with(|c: char| c.is_ascii_digit()) => format!("{value} ({unit})"),
        unit => format!("{value} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(
            [thousands(0_u64), thousands(999_u64), thousands(5_850_u64), thousands(1_234_567_u64)],
            ["0", "999", "5,850", "1,234,567"]
        );
        assert_eq!(number(20_640.0, 0), "20,640");
        assert_eq!(number(-1_234.5, 1), "\u{2212}1,234.5");
        assert_eq!((number(-0.001, 1), number(f64::NAN, 1)), ("0.0".to_owned(), "undefined".to_owned()));
        assert_eq!([significant(3.0), significant(0.25), significant(1e200)], ["3", "0.2500", "1.000e200"]);
        assert_eq!(significant(f64::NEG_INFINITY), "undefined");
        assert_eq!((decimals(0.1), decimals(5.0), decimals(0.02)), (1, 0, 2));
        assert_eq!([count(1, "row", "rows"), count(2_000, "row", "rows")], ["1 row", "2,000 rows"]);
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(
            [seconds(0.25), seconds(14.04), seconds(185.2), seconds(0.0123)],
            ["0.25 s", "14.0 s", "3 min 5 s", "12.3 ms"]
        );
        assert_eq!([memory(512 << 20), memory(3 << 29)], ["512 MiB", "1.50 GiB"]);
    }

    #[test]
    fn units() {
        let price = "median house value, 100,000 US dollars";
        assert_eq!(quantity(price), ("median house value", "100,000 US dollars"));
        assert_eq!(quantity("rooms"), ("rooms", ""));
        assert_eq!(with_unit("0.5", price), "0.5 (100,000 US dollars)");
        assert_eq!(
            (with_unit("3", "age, years").as_str(), with_unit("3", "rooms").as_str()),
            ("3 years", "3")
        );
    }

    #[test]
    fn scores_and_cells() {
        assert_eq!(
            [score(0.25), score(0.0), score(-12.5), score(1e200), score(2e-7), score(f64::NAN)],
            ["0.2500", "0.0000", "-12.5000", "1.000e200", "2.000e-7", "undefined"]
        );
        let cells = ["a, b", "c", "\"d\"\n"].map(str::to_owned);
        assert_eq!(csv(&cells), "\"a, b\",c,\"\"\"d\"\"\n\"\n");
    }
}
