//! Numbers as text, to the last bit: base64 (RFC 4648) of little-endian f64. In Python:
//! `numpy.frombuffer(base64.b64decode(text), "<f8")`.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn encode(numbers: &[f64]) -> String {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= three.len() { char::from(DIGITS[value]) } else { '=' });
        }
    }
    text
}

/// `None` where the text is not that of whole numbers.
pub(super) fn decode(text: &str) -> Option<Vec<f64>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let digits = text.trim_end_matches('=');
    for (i, digit) in digits.bytes().enumerate() {
        bits = bits << 6 | DIGITS.iter().position(|d| *d == digit)? as u32;
        if i % 4 > 0 {
            bytes.push((bits >> (6 - 2 * (i % 4))) as u8);
        }
    }
    let (numbers, rest) = bytes.as_chunks::<8>();
    (rest.is_empty() && text.len().is_multiple_of(4))
        .then(|| numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_base64() {
        // Python: base64.b64encode(struct.pack("<d", 1.5)), and of two such.
        assert_eq!(encode(&[1.5]), "AAAAAAAA+D8=");
        assert_eq!(encode(&[1.5, -2.0]), "AAAAAAAA+D8AAAAAAAAAwA==");
        assert_eq!(decode("AAAAAAAA+D"), None);
        assert_eq!(decode("AAAA!AAA+D8="), None);
    }

    proptest! {
        #[test]
        fn comes_back_bit_for_bit(bits in prop::collection::vec(any::<u64>(), 0..9)) {
            let numbers: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
            let back = decode(&encode(&numbers)).unwrap();
            prop_assert!(back.iter().map(|number| number.to_bits()).eq(bits));
        }
    }
}
