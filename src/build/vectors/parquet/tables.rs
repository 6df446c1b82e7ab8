//! The tables of a file, held against its bytes before the reader trusts them: its footer, and the headers of a column's pages.
//!
//! The reader makes room for as many columns as a column states to have below it, and skips over what it does not know for as many parts as are
//! stated, whether or not they are there: a list of two billion booleans takes six bytes and five seconds, and lists can hold lists.

use parquet::file::reader::ChunkReader;

use super::fields::{
    BELOW, CIPHER, COLUMNS, COMPRESSED_SIZE, FOOTER, PAGE_HEADER, PAGE_KIND, PAGE_KINDS,
};
use super::thrift::{Fault, walk};

/// Length of the footer and the four letters behind it.
const TAIL: u64 = 8;
/// Bytes of a header looked at first: statistics can make one longer than most.
const WINDOW: u64 = 1 << 12;

/// What of a file can be read only with a key, as its footer says.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Encrypted {
    Nothing,
    /// Some, or all.
    Columns,
    Footer,
}

/// Where there is no footer to be found, the reader says so better.
pub(super) fn check_footer(file: &impl ChunkReader) -> Result<Encrypted, String> {
    let Some(end) = file.len().checked_sub(TAIL) else {
        return Ok(Encrypted::Nothing);
    };
    let tail = read(file, end, TAIL)?;
    let (length, magic) = tail.split_first_chunk().expect("eight bytes were read");
    match magic {
        b"PAR1" => {}
        b"PARE" => return Ok(Encrypted::Footer),
        _ => return Ok(Encrypted::Nothing),
    }
    let length = u64::from(u32::from_le_bytes(*length));
    let Some(start) = end.checked_sub(length) else {
        return Ok(Encrypted::Nothing);
    };
    // Of several lists of columns, the reader would go by each in turn.
    let (mut columns, mut most) = (u64::MAX, 0);
    let mut encrypted = Encrypted::Nothing;
    let walked = walk(&read(file, start, length)?, FOOTER, &mut |path, value| {
        if path == COLUMNS {
            columns = columns.min(value.unsigned_abs());
        } else if path == BELOW {
            most = most.max(value.unsigned_abs());
        } else if path.starts_with(&CIPHER) {
            encrypted = Encrypted::Columns;
        }
    });
    match walked {
        Ok(_) if most <= columns => Ok(encrypted),
        _ => Err("its footer is damaged".to_owned()),
    }
}

/// From header to header through the pages that begin at `start` and take `bytes`.
pub(super) fn check_pages(file: &impl ChunkReader, start: u64, bytes: u64) -> Result<(), String> {
    let damaged = || "the header of a page is damaged".to_owned();
    let (mut at, mut left) = (start, bytes);
    while left > 0 {
        let mut window = left.min(WINDOW);
        let (header, page) = loop {
            match header(&read(file, at, window)?) {
                Ok(found) => break found,
                Err(Fault::Short) if window < left => window = left.min(window * 16),
                Err(_) => return Err(damaged()),
            }
        };
        let Some(taken) = header.checked_add(page).filter(|&taken| taken <= left) else {
            return Err(damaged());
        };
        at += taken;
        left -= taken;
    }
    Ok(())
}

/// Bytes of the header that these begin with, and of its page.
fn header(bytes: &[u8]) -> Result<(u64, u64), Fault> {
    let (mut page, mut known) = (None, true);
    let header = walk(bytes, PAGE_HEADER, &mut |path, value| {
        if path == COMPRESSED_SIZE {
            page = u64::try_from(value).ok();
        } else if path == PAGE_KIND {
            // Of a page of indexes the reader takes the bytes for the next header, where it looks ahead.
            known &= PAGE_KINDS.contains(&value);
        }
    })?;
    let page = page.filter(|_| known).ok_or(Fault::Damaged)?;
    Ok((header as u64, page))
}

fn read(file: &impl ChunkReader, start: u64, bytes: u64) -> Result<bytes::Bytes, String> {
    file.get_bytes(start, bytes as usize)
        .map_err(|error| error.to_string())
}
