//! Bytes ⇄ named sections: the envelope that routing, segments and records share.
//!
//! ```text
//! header  32 bytes   magic "NEARSIGH" · file kind [4] · format u32 · sections u32 · 0 u32 · checksum u64
//! table   32 a row   kind [4] · flags u32 (bit 0: required) · offset u64 · length u64 · checksum u64
//! section            padded with zeros to 16 bytes; the checksum covers the padding
//! ```
//!
//! The header's checksum covers the header before it and the table after it; sections follow the
//! table without a gap and the last one ends the file. So every byte is covered by a checksum, and
//! no flipped bit and no cut goes unnoticed, even where the file's hash is not known (a range, a
//! file copied by hand). A checksum is the first 8 bytes of BLAKE3: against accidents, not against
//! forgers, who are kept out by the hash in the file's name.
//!
//! Unknown sections are skipped when optional and refused when required: that is how a later
//! version adds to a file without breaking this one.

mod writer;

use super::numbers::{read_u32, read_u64};
use super::{FORMAT, IndexError, names::refuse_html};
pub(super) use writer::Writer;

const MAGIC: &[u8; 8] = b"NEARSIGH";
const HEADER_BYTES: usize = 32;
const ROW_BYTES: usize = 32;
const ALIGNMENT: usize = 16;
const REQUIRED: u32 = 1;

/// Four letters that say what a file or a section holds.
pub(super) type Kind = [u8; 4];

/// A file that has been read: its sections, each verified.
pub(super) struct Container<'a> {
    name: &'a str,
    /// With where each begins in the file.
    sections: Vec<(Kind, usize, &'a [u8])>,
}

impl<'a> Container<'a> {
    /// Reads a file whose whole has been held against the hash in its name already; the checksums of its sections, which that
    /// hash covers, are not computed again. Header and table are verified all the same.
    pub(super) fn parse_verified(
        name: &'a str,
        bytes: &'a [u8],
        file: Kind,
        file_words: &'static str,
        known: &[Kind],
    ) -> Result<Self, IndexError> {
        Self::read(name, bytes, file, file_words, known, true)
    }

    /// Verifies the whole file; `known` are the sections that the caller can read.
    pub(super) fn parse(
        name: &'a str,
        bytes: &'a [u8],
        file: Kind,
        file_words: &'static str,
        known: &[Kind],
    ) -> Result<Self, IndexError> {
        Self::read(name, bytes, file, file_words, known, false)
    }

    fn read(
        name: &'a str,
        bytes: &'a [u8],
        file: Kind,
        file_words: &'static str,
        known: &[Kind],
        is_verified: bool,
    ) -> Result<Self, IndexError> {
        refuse_html(name, bytes)?;
        let table = table(name, bytes, file, file_words)?;
        let mut sections: Vec<(Kind, usize, &[u8])> = Vec::with_capacity(table.len() / ROW_BYTES);
        let mut at = HEADER_BYTES + table.len();
        for row in table.chunks_exact(ROW_BYTES) {
            let section = Section::read(name, bytes, row, at)?;
            if !is_verified && checksum(&[section.padded]) != section.checksum {
                return Err(IndexError::Checksum {
                    name: name.to_owned(),
                    part: format!("section {}", section.letters()),
                });
            }
            if known.contains(&section.kind) {
                if sections.iter().any(|(seen, _, _)| *seen == section.kind) {
                    let what = format!("section {} occurs twice", section.letters());
                    return Err(IndexError::inconsistent(name, what));
                }
                sections.push((section.kind, at, &section.padded[..section.length]));
            } else if section.is_required {
                let what = format!(
                    "section {} is unknown and cannot be skipped",
                    section.letters()
                );
                return Err(IndexError::Newer {
                    name: name.to_owned(),
                    what,
                });
            }
            at += section.padded.len();
        }
        if at != bytes.len() {
            let what = format!("{} bytes follow the last section", bytes.len() - at);
            return Err(IndexError::inconsistent(name, what));
        }
        Ok(Self { name, sections })
    }

    /// The content of a section that may be absent.
    pub(super) fn optional(&self, kind: Kind) -> Option<&'a [u8]> {
        let found = self.sections.iter().find(|(seen, _, _)| *seen == kind);
        found.map(|(_, _, content)| *content)
    }

    /// Where a section begins in the file.
    pub(super) fn start(&self, kind: Kind) -> Option<usize> {
        let found = self.sections.iter().find(|(seen, _, _)| *seen == kind);
        found.map(|(_, start, _)| *start)
    }

    /// The content of a section that must be there.
    pub(super) fn section(&self, kind: Kind) -> Result<&'a [u8], IndexError> {
        self.optional(kind).ok_or_else(|| {
            IndexError::inconsistent(self.name, format!("section {} is absent", letters(kind)))
        })
    }

    /// The same, refused unless it has exactly `count` items of `item_bytes`.
    pub(super) fn array(
        &self,
        kind: Kind,
        count: usize,
        item_bytes: usize,
    ) -> Result<&'a [u8], IndexError> {
        let content = self.section(kind)?;
        let wanted = count.checked_mul(item_bytes);
        if wanted == Some(content.len()) {
            return Ok(content);
        }
        let what = format!(
            "section {} has {} bytes for {count} items of {item_bytes}",
            letters(kind),
            content.len()
        );
        Err(IndexError::inconsistent(self.name, what))
    }
}

/// What a row of the table says, and the bytes that it speaks of.
struct Section<'a> {
    kind: Kind,
    is_required: bool,
    length: usize,
    padded: &'a [u8],
    checksum: u64,
}

impl<'a> Section<'a> {
    /// `at` is where it must begin: behind the one before it.
    fn read(name: &str, bytes: &'a [u8], row: &[u8], at: usize) -> Result<Self, IndexError> {
        let kind: Kind = [row[0], row[1], row[2], row[3]];
        let (flags, offset, length) = (read_u32(row, 4), read_u64(row, 8), read_u64(row, 16));
        if offset != at as u64 {
            let what = format!("section {} is misplaced", letters(kind));
            return Err(IndexError::inconsistent(name, what));
        }
        let end = length
            .checked_next_multiple_of(ALIGNMENT as u64)
            .and_then(|padded| padded.checked_add(offset))
            .ok_or_else(|| truncated(name, bytes, u64::MAX))?;
        if end > bytes.len() as u64 {
            return Err(truncated(name, bytes, end));
        }
        Ok(Self {
            kind,
            is_required: flags & REQUIRED != 0,
            length: length as usize,
            padded: &bytes[at..end as usize],
            checksum: read_u64(row, 24),
        })
    }

    fn letters(&self) -> String {
        letters(self.kind)
    }
}

/// The table, once header and table are held against their checksum.
fn table<'a>(
    name: &str,
    bytes: &'a [u8],
    file: Kind,
    file_words: &'static str,
) -> Result<&'a [u8], IndexError> {
    let not_ours = || IndexError::NotOurs {
        name: name.to_owned(),
        expected: file_words,
    };
    if !bytes.starts_with(&MAGIC[..MAGIC.len().min(bytes.len())]) {
        return Err(not_ours());
    }
    let header = bytes
        .get(..HEADER_BYTES)
        .ok_or_else(|| truncated(name, bytes, HEADER_BYTES as u64))?;
    if header[8..12] != file {
        return Err(not_ours());
    }
    let format = read_u32(header, 12);
    if format > FORMAT {
        return Err(IndexError::Newer {
            name: name.to_owned(),
            what: format!("format {format}"),
        });
    }
    let end = HEADER_BYTES as u64 + u64::from(read_u32(header, 16)) * ROW_BYTES as u64;
    if end > bytes.len() as u64 {
        return Err(truncated(name, bytes, end));
    }
    let table = &bytes[HEADER_BYTES..end as usize];
    if checksum(&[&header[..24], table]) != read_u64(header, 24) {
        return Err(IndexError::Checksum {
            name: name.to_owned(),
            part: "header".to_owned(),
        });
    }
    // After the checksum: a damaged version is no old one.
    if format < FORMAT {
        return Err(IndexError::Outdated {
            name: name.to_owned(),
            format,
        });
    }
    Ok(table)
}

fn truncated(name: &str, bytes: &[u8], expected_bytes: u64) -> IndexError {
    IndexError::Truncated {
        name: name.to_owned(),
        found_bytes: bytes.len() as u64,
        expected_bytes,
    }
}

fn letters(kind: Kind) -> String {
    String::from_utf8_lossy(&kind).into_owned()
}

pub(super) fn checksum(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    read_u64(hasher.finalize().as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Kind = *b"TEST";
    const KNOWN: &[Kind] = &[*b"HEAD", *b"BODY"];

    fn sample(extra: Option<(Kind, bool)>) -> Vec<u8> {
        let mut writer = Writer::new(FILE);
        writer.required(*b"HEAD", vec![1, 2, 3]);
        match extra {
            Some((kind, true)) => writer.required(kind, vec![9; 5]),
            Some((kind, false)) => writer.optional(kind, vec![9; 5]),
            None => {}
        }
        writer.required(*b"BODY", (0..40).collect());
        writer.finish()
    }

    fn parse(bytes: &[u8]) -> Result<Container<'_>, IndexError> {
        Container::parse("sample.nst", bytes, FILE, "test", KNOWN)
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample(None);
        let container = parse(&bytes).unwrap();
        assert_eq!(container.section(*b"HEAD").unwrap(), [1, 2, 3]);
        assert_eq!(container.array(*b"BODY", 10, 4).unwrap().len(), 40);
        assert!(container.array(*b"BODY", usize::MAX, 4).is_err());
        assert_eq!(bytes.len() % ALIGNMENT, 0);
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let bytes = sample(None);
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[at] ^= mask;
                assert!(parse(&broken).is_err(), "byte {at} ^ {mask:#x}");
            }
        }
    }

    #[test]
    fn every_cut_and_every_tail_is_refused() {
        let bytes = sample(None);
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "cut at {length}");
        }
        for tail in [1, 16, 64] {
            let mut longer = bytes.clone();
            longer.resize(bytes.len() + tail, 0);
            assert!(parse(&longer).is_err(), "tail of {tail}");
        }
    }

    #[test]
    fn an_unknown_section_is_skipped_if_optional_and_refused_if_required() {
        let optional = sample(Some((*b"XTRA", false)));
        assert_eq!(
            parse(&optional).unwrap().section(*b"BODY").unwrap().len(),
            40
        );
        let required = sample(Some((*b"XTRA", true)));
        assert_eq!(
            parse(&required).err().map(|error| error.code()),
            Some("index_newer")
        );
    }

    #[test]
    fn a_section_twice_is_refused() {
        assert!(matches!(
            parse(&sample(Some((*b"BODY", true)))),
            Err(IndexError::Inconsistent { .. })
        ));
    }

    #[test]
    fn a_later_format_says_to_update() {
        let mut bytes = sample(None);
        bytes[12] = FORMAT as u8 + 1;
        assert_eq!(
            parse(&bytes).err().map(|error| error.code()),
            Some("index_newer")
        );
    }
}
