//! A reported embedding (base64 of one signed byte a dimension) → a vector of unit length.
//!
//! Written here because the crate needs base64 for nothing else. Strict: padding is required,
//! nothing but the standard alphabet is taken, and leftover bits must be zero.

/// Decodes standard base64 with padding; `None` when the text is anything else.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let padding = bytes
        .iter()
        .rev()
        .take_while(|&&b| b == b'=')
        .take(3)
        .count();
    if padding > 2 {
        return None;
    }
    let body = &bytes[..bytes.len() - padding];
    let mut out = Vec::with_capacity(body.len() * 3 / 4);
    let (mut held, mut bits) = (0u32, 0u32);
    for &byte in body {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0).then_some(out)
}

/// The vector that a reported embedding stands for, at unit length; `None` when it is not base64, has
/// another dimension than the index, or is zero.
pub fn decode_embedding(text: &str, dimension: usize) -> Option<Vec<f32>> {
    let bytes = decode_base64(text)?;
    if bytes.len() != dimension {
        return None;
    }
    let squares: f32 = bytes
        .iter()
        .map(|&b| f32::from(b as i8) * f32::from(b as i8))
        .sum();
    if squares == 0.0 {
        return None;
    }
    let length = squares.sqrt();
    Some(bytes.iter().map(|&b| f32::from(b as i8) / length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_decodes_the_known_answers_of_rfc_4648() {
        for (text, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn base64_refuses_what_is_not_base64() {
        for text in ["Zg", "Zg=", "====", "Z===", "Zh==", "Z g=", "Zm9-", "=Zg="] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    #[test]
    fn an_embedding_comes_back_at_unit_length() {
        // 3, -4 as signed bytes: 0x03 0xfc
        let vector = decode_embedding("A/w=", 2).unwrap();
        assert!((vector[0] - 0.6).abs() < 1e-6 && (vector[1] + 0.8).abs() < 1e-6);
        assert_eq!(decode_embedding("A/w=", 3), None);
        assert_eq!(decode_embedding("AAA=", 2), None);
    }
}
