//! Rows of f32 → a NumPy file (`.npy` 1.0, little-endian, row by row), of which the number of rows is known
//! last.
//!
//! The header has a fixed length and is written again at the end, so rows go to the file as they come.
//! The file appears under its name only when it is whole.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::build::BuildError;

/// Magic, version, length and text together; a multiple of 64, as the format asks.
const HEADER_BYTES: usize = 128;

pub struct NpyWriter {
    target: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    dimension: usize,
    rows: u64,
}

impl NpyWriter {
    pub fn create(target: &Path, dimension: usize) -> Result<Self, BuildError> {
        let mut part = target.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut file = BufWriter::new(
            File::create(&part).map_err(|source| BuildError::io("write", &part, source))?,
        );
        file.write_all(&header(0, dimension))
            .map_err(|source| BuildError::io("write", &part, source))?;
        Ok(Self {
            target: target.to_path_buf(),
            part,
            file,
            dimension,
            rows: 0,
        })
    }

    pub fn push(&mut self, row: &[f32]) -> Result<(), BuildError> {
        debug_assert_eq!(row.len(), self.dimension);
        for value in row {
            self.file
                .write_all(&value.to_le_bytes())
                .map_err(|source| BuildError::io("write", &self.part, source))?;
        }
        self.rows += 1;
        Ok(())
    }

    pub fn finish(mut self) -> Result<u64, BuildError> {
        let header = header(self.rows, self.dimension);
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&header))
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.part, &self.target))
            .map_err(|source| BuildError::io("write", &self.target, source))?;
        Ok(self.rows)
    }
}

impl Drop for NpyWriter {
    /// Whatever was not finished is not left lying about.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.part);
    }
}

fn header(rows: u64, dimension: usize) -> [u8; HEADER_BYTES] {
    let text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let mut header = [b' '; HEADER_BYTES];
    header[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    header[8..10].copy_from_slice(&(HEADER_BYTES as u16 - 10).to_le_bytes());
    header[10..10 + text.len()].copy_from_slice(text.as_bytes());
    header[HEADER_BYTES - 1] = b'\n';
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_fits_the_largest_shape() {
        let header = header(u64::MAX, usize::MAX);
        assert_eq!(header[HEADER_BYTES - 1], b'\n');
        assert_eq!((HEADER_BYTES) % 64, 0);
        let text = std::str::from_utf8(&header[10..]).unwrap();
        assert!(text.trim_end().ends_with("), }"), "{text}");
    }

    #[test]
    fn an_unfinished_file_never_appears() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.npy");
        let mut writer = NpyWriter::create(&target, 2).unwrap();
        writer.push(&[1.0, 2.0]).unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut writer = NpyWriter::create(&target, 2).unwrap();
        writer.push(&[1.0, -2.0]).unwrap();
        assert_eq!(writer.finish().unwrap(), 1);
        let bytes = fs::read(&target).unwrap();
        assert_eq!(bytes.len(), HEADER_BYTES + 8);
        assert_eq!(bytes[HEADER_BYTES..], [0, 0, 128, 63, 0, 0, 0, 192]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
