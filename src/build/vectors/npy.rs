//! A NumPy file (`.npy`, versions 1 to 3) → where its numbers begin, and what they are.
//!
//! Little-endian floats of 16, 32 or 64 bits, row by row: what `np.save` makes of an array of
//! embeddings. The header is a Python dictionary as text; only its three keys are looked for.

use super::numbers::{Numbers, Width};
use super::{Input, Shape, Stop};

const MAGIC: &[u8] = b"\x93NUMPY";
/// No real header comes near; a larger number means that the bytes are something else.
const LARGEST_HEADER: usize = 1 << 20;

pub(super) fn open(input: Input, shape: Shape) -> Result<Numbers, Stop> {
    let head = input.head(LARGEST_HEADER as u64 + 12)?;
    let (header, start) = split(&head)?;
    let (width, rows, dimension) = table(header, input.length() - start, shape)?;
    Ok(Numbers {
        bytes: input.begin_at(start)?,
        width,
        rows,
        dimension,
    })
}

/// What the header says, and `length` bytes behind it hold.
fn table(header: &str, length: u64, shape: Shape) -> Result<(Width, usize, usize), String> {
    let descr = value(header, "descr")?;
    let width = match descr {
        "'<f2'" | "\"<f2\"" => Width::Half,
        "'<f4'" | "\"<f4\"" => Width::Single,
        "'<f8'" | "\"<f8\"" => Width::Double,
        _ => {
            return Err(format!(
                "its numbers are {descr}; expected little-endian floats ('<f4', '<f8' or '<f2'); \
                 save it again with np.save(file, array.astype('<f4'))"
            ));
        }
    };
    match value(header, "fortran_order")? {
        "False" => {}
        "True" => {
            return Err(
                "it is stored column by column (fortran_order); expected row by row; save it again \
                 with np.save(file, np.ascontiguousarray(array))"
                    .into(),
            );
        }
        other => return Err(broken(&format!("fortran_order is {other}"))),
    }
    let (rows, dimension) = rows_and_dimension(value(header, "shape")?, shape)?;
    let expected = rows
        .checked_mul(dimension)
        .and_then(|numbers| numbers.checked_mul(width.bytes()));
    if expected.map(|bytes| bytes as u64) != Some(length) {
        return Err(format!(
            "its header promises {rows} rows of {dimension} numbers ({}), and {length} bytes follow; \
             the file was cut short or changed, copy it again",
            expected.map_or("too many bytes".into(), |bytes| format!("{bytes} bytes"))
        ));
    }
    Ok((width, rows, dimension))
}

fn broken(what: &str) -> String {
    format!("it is no NumPy file ({what}); make it with np.save(file, array)")
}

/// Header text, and where it ends.
fn split(bytes: &[u8]) -> Result<(&str, u64), String> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| broken("it does not begin with \\x93NUMPY"))?;
    let cut = || "the file ends within its header; it was cut short, copy it again".to_string();
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        other => {
            return Err(format!(
                "its NumPy format is version {other}; expected 1 to 3"
            ));
        }
    };
    if length > LARGEST_HEADER {
        return Err(broken(&format!("its header would have {length} bytes")));
    }
    let (header, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| broken("its header is no text"))?;
    Ok((header, (bytes.len() - rest.len()) as u64))
}

/// The text of a key's value: a tuple or list with its brackets, else up to the next comma.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let missing = || broken(&format!("its header has no {key}"));
    let after = ['\'', '"']
        .into_iter()
        .find_map(|quote| header.split_once(&format!("{quote}{key}{quote}")))
        .ok_or_else(missing)?
        .1;
    let text = after.trim_start().strip_prefix(':').ok_or_else(missing)?;
    let text = text.trim_start();
    let end = match text.as_bytes().first() {
        Some(b'(') => text.find(')').map(|end| end + 1),
        Some(b'[') => text.rfind(']').map(|end| end + 1),
        _ => text.find([',', '}']),
    };
    Ok(text[..end.ok_or_else(missing)?].trim_end())
}

fn rows_and_dimension(text: &str, shape: Shape) -> Result<(usize, usize), String> {
    let sizes: Option<Vec<usize>> = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect();
    match (sizes.as_deref(), shape) {
        (Some([rows, dimension]), _) if *dimension > 0 => Ok((*rows, *dimension)),
        (Some([dimension]), Shape::TableOrRow) if *dimension > 0 => Ok((1, *dimension)),
        _ => Err(format!(
            "its shape is {text}; expected (rows, dimension), one row a vector"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::vectors::Vectors;

    fn parse(bytes: &[u8], shape: Shape) -> Result<Vectors, String> {
        let found = |stop| match stop {
            Stop::Refused(found) => found,
            Stop::Unread(error) => error.to_string(),
            Stop::Failed(error) => error.to_string(),
        };
        let numbers = open(Input::Held(bytes.to_vec()), shape).map_err(found)?;
        let (mut values, dimension) = (Vec::new(), numbers.dimension);
        let mut sink = |part: &mut [f32], _| {
            values.extend_from_slice(part);
            Ok(())
        };
        numbers.read(&mut sink).map_err(found)?;
        Ok(Vectors { values, dimension })
    }

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn header(descr: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}   \n")
    }

    fn refused(bytes: &[u8], words: &str) {
        let error = parse(bytes, Shape::Table).unwrap_err();
        assert!(error.contains(words), "{error}");
    }

    fn four() -> Vec<u8> {
        [1.0f32, -2.0, 0.5, 4.0]
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect()
    }

    #[test]
    fn every_version_and_width_gives_the_same_rows() {
        let doubles: Vec<u8> = [1.0f64, -2.0, 0.5, 4.0]
            .into_iter()
            .flat_map(f64::to_le_bytes)
            .collect();
        let halves: Vec<u8> = [0x3c00u16, 0xc000, 0x3800, 0x4400]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        for version in 1..=3 {
            for (descr, data) in [
                ("'<f4'", &four()),
                ("'<f8'", &doubles),
                ("\"<f2\"", &halves),
            ] {
                let bytes = file(version, &header(descr, "False", "(2, 2)"), data);
                let found = parse(&bytes, Shape::Table).unwrap();
                assert_eq!(found.values, [1.0, -2.0, 0.5, 4.0], "{descr} {version}");
                assert_eq!(found.dimension, 2);
            }
        }
    }

    #[test]
    fn a_truncated_file_is_refused_wherever_it_ends() {
        let whole = file(1, &header("'<f4'", "False", "(2, 2)"), &four());
        for length in 0..whole.len() {
            assert!(parse(&whole[..length], Shape::Table).is_err(), "{length}");
        }
        refused(&whole[..whole.len() - 1], "cut short");
        refused(&whole[..30], "within its header");
        refused(&[whole.as_slice(), b"x"].concat(), "17 bytes follow");
    }

    #[test]
    fn numbers_of_another_kind_are_refused() {
        for descr in [
            "'>f4'",
            "'<i4'",
            "'|u1'",
            "'<f16'",
            "[('a', '<f4'), ('b', '<f4')]",
        ] {
            refused(
                &file(1, &header(descr, "False", "(2, 2)"), &four()),
                "expected little-endian floats",
            );
        }
    }

    #[test]
    fn columns_first_is_refused() {
        let bytes = file(1, &header("'<f4'", "True", "(2, 2)"), &four());
        refused(&bytes, "column by column");
    }

    #[test]
    fn a_shape_that_is_no_table_is_refused() {
        for shape in ["()", "(4,)", "(1, 2, 2)", "(2, 0)", "(-2, 2)", "4"] {
            let bytes = file(2, &header("'<f4'", "False", shape), &four());
            refused(&bytes, "expected (rows, dimension)");
        }
        let bytes = file(
            1,
            &header("'<f4'", "False", "(9999999999999999999, 2)"),
            &four(),
        );
        assert!(parse(&bytes, Shape::Table).is_err());
        let huge = format!("({}, 8)", usize::MAX / 2);
        refused(
            &file(1, &header("'<f4'", "False", &huge), &four()),
            "too many bytes",
        );
    }

    #[test]
    fn one_row_without_brackets_is_taken_where_one_is_enough() {
        let bytes = file(1, &header("'<f4'", "False", "(4,)"), &four());
        assert_eq!(parse(&bytes, Shape::TableOrRow).unwrap().dimension, 4);
    }

    #[test]
    fn what_is_no_numpy_file_is_refused() {
        refused(b"PK\x03\x04 an archive", "no NumPy file");
        refused(&file(9, "", b""), "version 9");
        refused(&file(1, "{'shape': (2, 2)}", &four()), "has no descr");
        refused(
            &file(1, "{'descr': '<f4', 'fortran_order': ", &four()),
            "no fortran_order",
        );
    }
}
