//! A file of little-endian floats → the floats; a run of bytes in a file → the bytes. Neither takes memory where the system can map files.
//!
//! Pages of a mapped file are read when they are touched and dropped when the system needs them for something else, so what grows with
//! the rows of a table need not fit into memory. Where files cannot be mapped, or a replacement is refused while one is (Windows), and where the bytes
//! of a float lie the other way round, the file is read instead: the same values, in memory.
//!
//! The only `unsafe` outside of `kernel`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;

use memmap2::{Mmap, MmapOptions};

/// Floats in memory or in a file.
#[derive(Debug)]
pub enum Floats {
    Held(Vec<f32>),
    Mapped(Mmap),
}

impl Floats {
    /// All of a file, from its beginning.
    pub fn of(file: &mut File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if let Some(map) = map(file, 0, length).filter(|_| cfg!(target_endian = "little")) {
            // Cells lie all over a table. Read ahead of each of their rows, a table that does not fit is read hundreds of times: 300,000 x 128 in
            // 220 MB read 400 GB in ten minutes and were not done.
            #[cfg(unix)]
            let _ = map.advise(memmap2::Advice::Random);
            return Ok(Self::Mapped(map));
        }
        file.seek(SeekFrom::Start(0))?;
        let mut values = Vec::with_capacity(length / 4);
        let mut buffer = vec![0; 1 << 16];
        let mut left = length / 4 * 4;
        while left > 0 {
            let part = &mut buffer[..left.min(1 << 16)];
            file.read_exact(part)?;
            let (numbers, _) = part.as_chunks();
            values.extend(numbers.iter().copied().map(f32::from_le_bytes));
            left -= part.len();
        }
        Ok(Self::Held(values))
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Held(values) => values,
            Self::Mapped(map) => {
                // SAFETY: every bit pattern is an f32. A map begins at the beginning of a page, so no float is left out in front; one that is
                // cut short at the end is.
                let (_, values, _) = unsafe { map.align_to::<f32>() };
                values
            }
        }
    }
}

/// Bytes in memory or in a file.
#[derive(Debug)]
pub enum Bytes {
    Held(Vec<u8>),
    Mapped(Mmap),
}

impl Bytes {
    /// `held`, which lie at `offset` of a file too: there, if the file can be mapped.
    pub fn in_file(file: &File, offset: u64, held: Vec<u8>) -> Self {
        match map(file, offset, held.len()) {
            Some(map) => Self::Mapped(map),
            None => Self::Held(held),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

/// None where the system cannot or should not.
fn map(file: &File, offset: u64, length: usize) -> Option<Mmap> {
    if !cfg!(unix) || length == 0 {
        return None;
    }
    // SAFETY: what is mapped must not change and must not become shorter while the map lives. Only two kinds of files come here, both of this
    // program's making: the full vectors (`row_file`, `state`), which are written under a name of their own by the one process that has
    // claimed the folder, are never written to after that, and are replaced and removed by name only, which leaves a file that
    // is mapped whole until nobody maps it; and `scratch`, which has no name any more. Nothing can keep another program from writing into the middle of a
    // file in the hidden folder of an index. One that does gives wrong rows, or, by making it shorter, ends this process (SIGBUS); rows are plain
    // numbers, and which ones they are decides no access to memory.
    unsafe { MmapOptions::new().offset(offset).len(length).map(file) }.ok()
}
