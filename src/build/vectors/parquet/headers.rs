//! The headers of a column's pages, walked before the reader trusts them.
//!
//! The reader skips over what it does not know in a header for as many parts as the header states, whether or not they are there: a
//! list of two billion booleans takes six bytes and five seconds, and lists can hold lists. No header of a page has a list, so one that has is damaged.
//!
//! A header is a struct of the compact protocol of Apache Thrift: fields, each with a type and the distance of its number to the
//! one before, until one of type 0 (thrift-compact-protocol.md, "Struct encoding"; parquet.thrift, `PageHeader`).

use parquet::file::reader::ChunkReader;

/// Bytes looked at first: statistics can make a header longer than most.
const WINDOW: u64 = 1 << 12;
/// Structs in structs. A header has three: itself, that of its kind of page, and its statistics.
const DEEPEST: usize = 8;
/// The field that says how many bytes of the page follow its header.
const COMPRESSED_SIZE: i64 = 3;

/// Why a header cannot be walked.
#[derive(Debug, PartialEq)]
enum Fault {
    /// It goes on behind the bytes at hand.
    Short,
    Damaged,
}

/// Walks from header to header through the pages that begin at `start` and take `bytes`.
pub(super) fn check(file: &impl ChunkReader, start: u64, bytes: u64) -> Result<(), String> {
    let damaged = || "the header of a page is damaged".to_owned();
    let (mut at, mut left) = (start, bytes);
    while left > 0 {
        let mut window = left.min(WINDOW);
        let (header, page) = loop {
            let held = file.get_bytes(at, window as usize);
            match header(&held.map_err(|error| error.to_string())?) {
                Ok(found) => break found,
                Err(Fault::Short) if window < left => window = left.min(window * 16),
                Err(_) => return Err(damaged()),
            }
        };
        let taken = header + page;
        if taken > left {
            return Err(damaged());
        }
        at += taken;
        left -= taken;
    }
    Ok(())
}

/// Bytes of the header that these begin with, and of its page.
fn header(bytes: &[u8]) -> Result<(u64, u64), Fault> {
    let mut walk = Walk(bytes);
    let mut page = None;
    walk.fields(0, &mut |number, value| {
        if number == COMPRESSED_SIZE {
            page = u64::try_from(value).ok();
        }
    })?;
    let header = bytes.len() - walk.0.len();
    Ok((header as u64, page.ok_or(Fault::Damaged)?))
}

/// What is left of a header.
struct Walk<'a>(&'a [u8]);

impl Walk<'_> {
    /// Goes past the fields of a struct, and tells the whole numbers among them.
    fn fields(&mut self, depth: usize, tell: &mut dyn FnMut(i64, i64)) -> Result<(), Fault> {
        if depth == DEEPEST {
            return Err(Fault::Damaged);
        }
        let mut number = 0i64;
        loop {
            let byte = self.byte()?;
            let kind = byte & 15;
            if kind == 0 {
                return Ok(());
            }
            number = match byte >> 4 {
                0 => self.zigzag()?,
                distance => number.wrapping_add(i64::from(distance)),
            };
            match kind {
                // Booleans are their type.
                1 | 2 => {}
                3 => self.skip(1)?,
                4..=6 => tell(number, self.zigzag()?),
                7 => self.skip(8)?,
                8 => {
                    let length = self.varint()?;
                    self.skip(usize::try_from(length).map_err(|_| Fault::Damaged)?)?;
                }
                12 => self.fields(depth + 1, &mut |_, _| {})?,
                _ => return Err(Fault::Damaged),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.0.split_first().ok_or(Fault::Short)?;
        self.0 = rest;
        Ok(byte)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Fault> {
        self.0 = self.0.get(bytes..).ok_or(Fault::Short)?;
        Ok(())
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(Fault::Damaged)
    }

    /// 0, −1, 1, −2, … as 0, 1, 2, 3, …
    fn zigzag(&mut self) -> Result<i64, Fault> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of 6 bytes: kind 0, sizes of 6, a struct with 3 values.
    const PLAIN: [u8; 11] = [0x15, 0, 0x15, 12, 0x15, 12, 0x2c, 0x15, 6, 0, 0];

    #[test]
    fn a_header_ends_where_its_struct_ends() {
        assert_eq!(header(&PLAIN), Ok((11, 6)));
        let mut followed = PLAIN.to_vec();
        followed.extend([9; 30]);
        assert_eq!(header(&followed), Ok((11, 6)));
    }

    #[test]
    fn a_header_with_a_list_without_an_end_or_without_a_size_is_refused() {
        for length in 0..PLAIN.len() {
            assert_eq!(header(&PLAIN[..length]), Err(Fault::Short), "{length}");
        }
        for list in [9, 10, 11] {
            let stated = [0xf0 | list, 0xf1, 0xff, 0xff, 0xff, 0xff, 7, 0];
            assert_eq!(header(&stated), Err(Fault::Damaged));
        }
        assert_eq!(header(&[0]), Err(Fault::Damaged));
        assert_eq!(header(&[0x35, 1, 0]), Err(Fault::Damaged), "a size of -1");
        assert_eq!(header(&[0x1c; 100]), Err(Fault::Damaged), "too deep");
        assert_eq!(
            header(&[0x15, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0]),
            Err(Fault::Damaged)
        );
    }
}
