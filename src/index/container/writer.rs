//! Named sections → bytes: see [`container`](super).

use super::{ALIGNMENT, HEADER_BYTES, Kind, MAGIC, REQUIRED, ROW_BYTES, checksum};
use crate::index::FORMAT;

/// A file that is being written.
pub(in crate::index) struct Writer {
    file: Kind,
    sections: Vec<(Kind, u32, Vec<u8>)>,
}

impl Writer {
    pub(in crate::index) fn new(file: Kind) -> Self {
        Self {
            file,
            sections: Vec::new(),
        }
    }

    /// Adds a section that readers must know.
    pub(in crate::index) fn required(&mut self, kind: Kind, content: Vec<u8>) {
        self.sections.push((kind, REQUIRED, content));
    }

    /// Adds a section that readers may skip.
    pub(in crate::index) fn optional(&mut self, kind: Kind, content: Vec<u8>) {
        self.sections.push((kind, 0, content));
    }

    pub(in crate::index) fn finish(self) -> Vec<u8> {
        self.finish_placed().0
    }

    /// The file, and where in it each section begins.
    pub(in crate::index) fn finish_placed(self) -> (Vec<u8>, Vec<usize>) {
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
