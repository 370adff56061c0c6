//! Numbers, durations and sizes as text, and text made safe for HTML.

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number with commas between thousands.
pub(crate) fn thousands(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time that a person can grasp: `0.25 s`, `14 s`, `3 min 5 s`.
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

/// "1 worker", "1,024 workers".
pub(crate) fn count(n: usize, one: &str) -> String {
    format!("{} {one}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}

/// A score with four decimals, or four digits where it is very large or small; "undefined" for one that
/// is no number.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [thousands(0_u64), thousands(999_u64), thousands(5_850_u64), thousands(1_234_567_u64)],
            ["0", "999", "5,850", "1,234,567"]
        );
        assert_eq!(
            [seconds(0.25), seconds(14.04), seconds(185.2), seconds(0.0123)],
            ["0.25 s", "14.0 s", "3 min 5 s", "12.3 ms"]
        );
    }
    #[test]
    fn scores_and_cells() {
        assert_eq!(
            [score(0.25), score(0.0), score(-12.5), score(1e200), score(2e-7), score(f64::NAN)],
            ["0.2500", "0.0000", "-12.5000", "1.000e200", "2.000e-7", "undefined"]
        );
        assert_eq!((count(1, "round"), count(1024, "worker")), ("1 round".into(), "1,024 workers".into()));
        let cells = ["a, b", "c", "\"d\"\n"].map(str::to_owned);
        assert_eq!(csv(&cells), "\"a, b\",c,\"\"\"d\"\"\n\"\n");
    }
}
