//! What a column's pages are compressed with: the reader undoes it, or this file, where the reader would need a codec in C.

use std::io::Read;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};
use ruzstd::decoding::StreamingDecoder;

/// Bytes of a page. The format's own limit is twice as many; who writes pages at all makes them of a megabyte, or of some hundred.
const MOST: u64 = 1 << 30;

/// Whether it is zstd, which the reader is not to know of; says what to do about a compression that nobody here undoes.
pub(super) fn is_zstd(compression: Compression) -> Result<bool, String> {
    let name = match compression {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => return Ok(false),
        Compression::ZSTD(_) => return Ok(true),
        Compression::BROTLI(_) => "brotli",
        Compression::LZ4 | Compression::LZ4_RAW => "lz4",
        Compression::LZO => "lzo",
    };
    Err(format!(
        "its column of vectors is compressed with {name}; write it with zstd, gzip, snappy or no compression"
    ))
}

/// The page of a column in zstd, from a reader that takes the column to be uncompressed: what it was before it was compressed.
pub(super) fn unpacked(mut page: Page) -> Result<Page> {
    let (buf, start) = match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0),
        Page::DataPageV2 {
            is_compressed: false,
            ..
        } => return Ok(page),
        // Its levels lie in front, as they are.
        Page::DataPageV2 {
            buf,
            is_compressed,
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => {
            *is_compressed = false;
            (
                buf,
                *def_levels_byte_len as usize + *rep_levels_byte_len as usize,
            )
        }
    };
    *buf = decoded(buf, start, MOST)?;
    Ok(page)
}

/// What is compressed begins at `start`, one frame after the other. Nothing at all is nothing compressed.
fn decoded(bytes: &[u8], start: usize, most: u64) -> Result<Bytes> {
    let refused = |what: &str| ParquetError::General(format!("a page {what}"));
    let damaged = || refused("is not what zstd makes");
    let (open, mut left) = bytes
        .split_at_checked(start)
        .ok_or_else(|| refused("is shorter than its levels"))?;
    let mut page = open.to_vec();
    while !left.is_empty() {
        let frame = StreamingDecoder::new(&mut left).map_err(|_| damaged())?;
        let room = (most + 1).saturating_sub(page.len() as u64);
        let read = frame.take(room).read_to_end(&mut page);
        read.map_err(|_| damaged())?;
        if page.len() as u64 > most {
            return Err(refused("is larger than any that are made"));
        }
    }
    Ok(page.into())
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn frames_come_out_one_after_the_other_behind_what_was_open() {
        let frames = [packed(b"first, "), packed(b"second")].concat();
        let bytes = [b"open, ", &frames[..]].concat();
        assert_eq!(decoded(&bytes, 6, 19).unwrap(), "open, first, second");
        assert_eq!(decoded(b"open", 4, 19).unwrap(), "open");
        assert!(decoded(b"open", 5, 19).is_err());
    }

    #[test]
    fn a_page_that_grows_beyond_what_is_allowed_is_refused_and_so_is_one_cut_short() {
        let zeros = packed(&[0; 100_000]);
        assert!(zeros.len() < 200);
        assert_eq!(decoded(&zeros, 0, 100_000).unwrap().len(), 100_000);
        let error = decoded(&zeros, 0, 99_999).unwrap_err();
        assert!(error.to_string().contains("larger than any"), "{error}");
        for length in 1..zeros.len() {
            let error = decoded(&zeros[..length], 0, 100_000).unwrap_err();
            assert!(
                error.to_string().contains("not what zstd"),
                "{length}: {error}"
            );
        }
    }
}
