//! The tables of a file, held against its bytes before the reader trusts them: its footer, and the headers of a column's pages.
//!
//! The reader makes room for as many columns as a column states to have below it, and skips over what it does not know for as many parts as are
//! stated, whether or not they are there: a list of two billion booleans takes six bytes and five seconds, and lists can hold lists.
//! What fields there are is in parquet.thrift: `FileMetaData`, `SchemaElement` and `PageHeader`.

use parquet::file::reader::ChunkReader;

use super::thrift::{Fault, Part, walk};

/// Length of the footer and the four letters behind it.
const TAIL: u64 = 8;
/// The columns, and how many columns lie below one.
const SCHEMA: [i64; 1] = [2];
const CHILDREN: [i64; 2] = [2, 5];
/// Bytes of a page behind its header.
const COMPRESSED_SIZE: [i64; 1] = [3];
/// Bytes of a header looked at first: statistics can make one longer than most.
const WINDOW: u64 = 1 << 12;

/// Where there is no footer to be found, the reader says so better.
pub(super) fn check_footer(file: &impl ChunkReader) -> Result<(), String> {
    let Some(end) = file.len().checked_sub(TAIL) else {
        return Ok(());
    };
    let tail = read(file, end, TAIL)?;
    let (length, _) = tail.split_first_chunk().expect("eight bytes were read");
    let length = u64::from(u32::from_le_bytes(*length));
    let Some(start) = end.checked_sub(length) else {
        return Ok(());
    };
    let (mut columns, mut most) = (0, 0);
    let walked = walk(&read(file, start, length)?, &mut |path, part| {
        match part {
            Part::List(length) if path == SCHEMA => columns = length,
            Part::Number(below) if path == CHILDREN => most = most.max(below),
            _ => {}
        }
        true
    });
    match walked {
        Ok(_) if most.unsigned_abs() <= columns => Ok(()),
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
    let mut page = None;
    let header = walk(bytes, &mut |path, part| {
        if let Part::Number(size) = part
            && path == COMPRESSED_SIZE
        {
            page = u64::try_from(size).ok();
        }
        belongs(path, part)
    })?;
    Ok((header as u64, page.ok_or(Fault::Damaged)?))
}

/// Whether a header may have this part. The reader takes the type of what it knows for granted, and would go on elsewhere than this walk if it were
/// another; what it does not know may be anything that ends by itself.
fn belongs(path: &[i64], part: Part) -> bool {
    match path {
        // Kind, sizes and check; then what the kind of page needs.
        [1..=4] => matches!(part, Part::Number(_)),
        [5..=8] => part == Part::Struct,
        // Statistics of a page of values, in both versions.
        [5, 5] | [8, 8] => part == Part::Struct,
        [5, 1..=4] | [7, 1 | 2] | [8, 1..=6] => matches!(part, Part::Number(_)),
        [7, 3] | [8, 7] | [5, 5, 7 | 8] | [8, 8, 7 | 8] => part == Part::Boolean,
        [5, 5, 3 | 4] | [8, 8, 3 | 4] => matches!(part, Part::Number(_)),
        [5, 5, 1 | 2 | 5 | 6] | [8, 8, 1 | 2 | 5 | 6] => part == Part::Bytes,
        _ => !matches!(part, Part::Struct | Part::List(_)),
    }
}

fn read(file: &impl ChunkReader, start: u64, bytes: u64) -> Result<bytes::Bytes, String> {
    file.get_bytes(start, bytes as usize)
        .map_err(|error| error.to_string())
}
