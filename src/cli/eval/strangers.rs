//! A NumPy file → vectors of pictures that are not in the index: queries of strangers.
//!
//! Reads what `numpy.save` and `nearsight embed` write: format 1 to 3, little-endian f32 or f64, row by row. The
//! header is a Python literal; only its three known keys are looked for, and anything odd is an error.

use std::path::Path;

use super::error::EvalError;
use crate::build::BuildError;

const MAGIC: &[u8] = b"\x93NUMPY";

/// The rows of `file`, one after the other, each of `dimension` finite values.
pub fn read(file: &Path, dimension: usize) -> anyhow::Result<Vec<f32>> {
    let bytes = std::fs::read(file).map_err(|source| BuildError::io("read", file, source))?;
    let values = parse(&bytes, dimension).map_err(|found| EvalError::Queries {
        path: file.to_path_buf(),
        found,
    })?;
    Ok(values)
}

fn parse(bytes: &[u8], dimension: usize) -> Result<Vec<f32>, String> {
    let (header, data) = split(bytes).ok_or("it is no NumPy file, or its header is cut short")?;
    if after(header, "'fortran_order':").is_none_or(|rest| !rest.starts_with("False")) {
        return Err("it is stored column by column (save numpy.ascontiguousarray of it)".into());
    }
    let width = match after(header, "'descr':") {
        Some(rest) if rest.starts_with("'<f4'") => 4,
        Some(rest) if rest.starts_with("'<f8'") => 8,
        _ => return Err("its values are no little-endian floats".into()),
    };
    let shape = after(header, "'shape':")
        .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
        .map(|(inside, _)| {
            inside
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
        })
        .and_then(|parts| {
            parts
                .map(|part| part.parse().ok())
                .collect::<Option<Vec<usize>>>()
        });
    let Some(&[rows, columns]) = shape.as_deref() else {
        return Err("it has no rows and columns".into());
    };
    if columns != dimension {
        return Err(format!(
            "its rows have {columns} values and the index's vectors {dimension}, so another model made them"
        ));
    }
    if rows == 0 {
        return Err("it has no row".into());
    }
    let expected = rows.checked_mul(columns).and_then(|n| n.checked_mul(width));
    if expected != Some(data.len()) {
        return Err(format!(
            "it holds {} bytes of values, and {rows} rows of {columns} need another number",
            data.len()
        ));
    }
    let values: Vec<f32> = match width {
        4 => data.chunks_exact(4).map(f32_of).collect(),
        _ => data.chunks_exact(8).map(f64_of).collect(),
    };
    for (row, values) in values.chunks_exact(dimension).enumerate() {
        if !values.iter().all(|value| value.is_finite()) || values.iter().all(|&value| value == 0.0)
        {
            return Err(format!(
                "row {row} (from 0) has no direction: it is all zeros, or holds a value that is no number"
            ));
        }
    }
    Ok(values)
}

/// The header's text and what comes after it.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    Some(header.split_once(key)?.1.trim_start())
}

fn f32_of(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn f64_of(bytes: &[u8]) -> f32 {
    let mut eight = [0; 8];
    eight.copy_from_slice(bytes);
    f64::from_le_bytes(eight) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn both_widths_of_float_are_read() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
        let values = [1.0, -2.0, 0.5, 4.0];
        assert_eq!(
            parse(&file(header, &floats(&values)), 2),
            Ok(values.to_vec())
        );
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }\n";
        let data: Vec<u8> = [1.0f64, -2.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(parse(&file(header, &data), 2), Ok(vec![1.0, -2.0]));
    }

    #[test]
    fn whatever_does_not_fit_is_named() {
        let data = floats(&[1.0, 2.0]);
        for (header, words) in [
            (
                "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }",
                "column by column",
            ),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 2), }",
                "no little-endian floats",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
                "rows and columns",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }",
                "another model",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }",
                "no row",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (9, 2), }",
                "another number",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2), }",
                "another number",
            ),
        ] {
            let found = parse(&file(header, &data), 2).unwrap_err();
            assert!(found.contains(words), "{header}: {found}");
        }
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
        for values in [[0.0, 0.0], [f32::NAN, 1.0], [1.0, f32::INFINITY]] {
            let found = parse(&file(header, &floats(&values)), 2).unwrap_err();
            assert!(found.contains("row 0"), "{found}");
        }
    }

    #[test]
    fn no_cut_of_a_file_panics() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
        let whole = file(header, &floats(&[1.0, 2.0]));
        for length in 0..whole.len() {
            assert!(parse(&whole[..length], 2).is_err(), "{length}");
        }
        assert!(parse(b"\x93NUMPY\x09\x00aaaa", 2).is_err());
    }
}
