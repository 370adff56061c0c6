//! A line of a journal: a JSON object whose last member is a checksum of everything before it.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

const CHECK: &str = ",\"xxh3\":\"";

/// The line for a struct with at least one field, line break included.
pub(super) fn write(value: &impl Serialize) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(value)?;
    // Up to the brace that ends the object.
    line.pop();
    let check = xxh3_64(line.as_bytes());
    Ok(format!("{line}{CHECK}{check:016x}\"}}\n"))
}

/// The JSON object of a line without the checksum; `None` where the line does not fit it.
pub(super) fn check(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (body, check) = line.rsplit_once(CHECK)?;
    let check = check.strip_suffix("\"}")?;
    (check == format!("{:016x}", xxh3_64(body.as_bytes()))).then(|| format!("{body}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Sample {
        text: String,
        numbers: Vec<f64>,
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_bit_for_bit(
            text in ".*",
            numbers in prop::collection::vec(
                prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 0..9),
        ) {
            let sample = Sample { text, numbers };
            let line = write(&sample).unwrap();
            prop_assert_eq!(line.matches('\n').count(), 1);
            let back: Sample = serde_json::from_str(&check(line.as_bytes()).unwrap()).unwrap();
            let bits = |sample: &Sample| sample.numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(&back.text, &sample.text);
            prop_assert_eq!(bits(&back), bits(&sample));
        }

        #[test]
        fn any_change_is_seen(text in "[a-z\"]{0,20}", at: prop::sample::Index, flip in 1..256_usize) {
            let mut line = write(&Sample { text, numbers: vec![0.5] }).unwrap().into_bytes();
            let at = at.index(line.len());
            prop_assert!(check(&line[..at]).is_none());
            line[at] ^= flip as u8;
            prop_assert!(check(&line).is_none());
        }
    }
}
