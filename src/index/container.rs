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

use super::{FORMAT, IndexError, names::refuse_html};

const MAGIC: &[u8; 8] = b"NEARSIGH";
const HEADER_BYTES: usize = 32;
const ROW_BYTES: usize = 32;
const ALIGNMENT: usize = 16;
const REQUIRED: u32 = 1;

/// Four letters that say what a file or a section holds.
pub(super) type Kind = [u8; 4];

/// A file that is being written.
pub(super) struct Writer {
    file: Kind,
    sections: Vec<(Kind, u32, Vec<u8>)>,
}

impl Writer {
    pub(super) fn new(file: Kind) -> Self {
        Self {
            file,
            sections: Vec::new(),
        }
    }

    /// Adds a section that readers must know.
    pub(super) fn required(&mut self, kind: Kind, content: Vec<u8>) {
        self.sections.push((kind, REQUIRED, content));
    }

    /// Adds a section that readers may skip.
    pub(super) fn optional(&mut self, kind: Kind, content: Vec<u8>) {
        self.sections.push((kind, 0, content));
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.finish_placed().0
    }

    /// The file, and where in it each section begins.
    pub(super) fn finish_placed(self) -> (Vec<u8>, Vec<usize>) {
        let mut starts = Vec::with_capacity(self.sections.len());
        let mut table = Vec::with_capacity(self.sections.len() * ROW_BYTES);
        let mut body = Vec::new();
        let body_start = HEADER_BYTES + self.sections.len() * ROW_BYTES;
        for (kind, flags, content) in &self.sections {
            let start = body.len();
            starts.push(body_start + start);
            body.extend_from_slice(content);
            body.resize(body.len().next_multiple_of(ALIGNMENT), 0);
            table.extend_from_slice(kind);
            table.extend_from_slice(&flags.to_le_bytes());
            table.extend_from_slice(&((body_start + start) as u64).to_le_bytes());
            table.extend_from_slice(&(content.len() as u64).to_le_bytes());
            table.extend_from_slice(&checksum(&[&body[start..]]).to_le_bytes());
        }
        let mut file = Vec::with_capacity(body_start + body.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&self.file);
        file.extend_from_slice(&FORMAT.to_le_bytes());
        file.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        file.extend_from_slice(&0u32.to_le_bytes());
        let check = checksum(&[&file, &table]);
        file.extend_from_slice(&check.to_le_bytes());
        file.extend_from_slice(&table);
        file.extend_from_slice(&body);
        (file, starts)
    }
}

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
        let truncated = |expected: u64| IndexError::Truncated {
            name: name.to_owned(),
            found_bytes: bytes.len() as u64,
            expected_bytes: expected,
        };
        if !bytes.starts_with(&MAGIC[..MAGIC.len().min(bytes.len())]) {
            return Err(IndexError::NotOurs {
                name: name.to_owned(),
                expected: file_words,
            });
        }
        let header = bytes
            .get(..HEADER_BYTES)
            .ok_or_else(|| truncated(HEADER_BYTES as u64))?;
        if header[8..12] != file {
            return Err(IndexError::NotOurs {
                name: name.to_owned(),
                expected: file_words,
            });
        }
        let format = read_u32(header, 12);
        if format > FORMAT {
            return Err(IndexError::Newer {
                name: name.to_owned(),
                what: format!("format {format}"),
            });
        }
        let table_bytes = read_u32(header, 16) as u64 * ROW_BYTES as u64;
        let body_start = HEADER_BYTES as u64 + table_bytes;
        if body_start > bytes.len() as u64 {
            return Err(truncated(body_start));
        }
        let table = &bytes[HEADER_BYTES..body_start as usize];
        if checksum(&[&header[..24], table]) != read_u64(header, 24) {
            return Err(IndexError::Checksum {
                name: name.to_owned(),
                part: "header".to_owned(),
            });
        }
        if format < FORMAT {
            return Err(IndexError::Outdated {
                name: name.to_owned(),
                format,
            });
        }

        let mut sections: Vec<(Kind, usize, &[u8])> = Vec::with_capacity(table.len() / ROW_BYTES);
        let mut at = body_start;
        for row in table.chunks_exact(ROW_BYTES) {
            let kind: Kind = [row[0], row[1], row[2], row[3]];
            let (flags, offset, length) = (read_u32(row, 4), read_u64(row, 8), read_u64(row, 16));
            let letters = String::from_utf8_lossy(&kind).into_owned();
            if offset != at {
                return Err(IndexError::inconsistent(
                    name,
                    format!("section {letters} is misplaced"),
                ));
            }
            let end = length
                .checked_next_multiple_of(ALIGNMENT as u64)
                .and_then(|padded| padded.checked_add(offset))
                .ok_or_else(|| truncated(u64::MAX))?;
            if end > bytes.len() as u64 {
                return Err(truncated(end));
            }
            let padded = &bytes[offset as usize..end as usize];
            if !is_verified && checksum(&[padded]) != read_u64(row, 24) {
                return Err(IndexError::Checksum {
                    name: name.to_owned(),
                    part: format!("section {letters}"),
                });
            }
            if !known.contains(&kind) {
                if flags & REQUIRED != 0 {
                    let what = format!("section {letters} is unknown and cannot be skipped");
                    return Err(IndexError::Newer {
                        name: name.to_owned(),
                        what,
                    });
                }
            } else if sections.iter().any(|(seen, _, _)| *seen == kind) {
                return Err(IndexError::inconsistent(
                    name,
                    format!("section {letters} occurs twice"),
                ));
            } else {
                sections.push((kind, offset as usize, &padded[..length as usize]));
            }
            at = end;
        }
        if at != bytes.len() as u64 {
            let what = format!("{} bytes follow the last section", bytes.len() as u64 - at);
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
            let letters = String::from_utf8_lossy(&kind);
            IndexError::inconsistent(self.name, format!("section {letters} is absent"))
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
        let letters = String::from_utf8_lossy(&kind);
        let what = format!(
            "section {letters} has {} bytes for {count} items of {item_bytes}",
            content.len()
        );
        Err(IndexError::inconsistent(self.name, what))
    }
}

/// Reads a number at a place known to lie inside.
pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(read_u32(bytes, at)) | u64::from(read_u32(bytes, at + 4)) << 32
}

pub(super) fn read_f32(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(read_u32(bytes, at))
}

/// Each made wider.
pub(super) fn u16_values(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks_exact(2)
        .map(|item| u32::from(u16::from_le_bytes([item[0], item[1]])))
        .collect()
}

pub(super) fn u32_values(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks_exact(4)
        .map(|item| read_u32(item, 0))
        .collect()
}

pub(super) fn f32_values(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|item| read_f32(item, 0))
        .collect()
}

pub(super) fn i8_values(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&byte| byte as i8).collect()
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
