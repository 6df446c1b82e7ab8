//! What several targets need: sections whose checksums are right, so that a changed byte reaches the parser behind them.

use std::path::PathBuf;

const HEADER: usize = 32;
const ROW: usize = 32;

/// Gives a container the magic, the format and the checksums that it would have if these were its sections.
pub fn seal(bytes: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    if file.len() < HEADER {
        return file;
    }
    file[..8].copy_from_slice(b"NEARSIGH");
    file[8..12].copy_from_slice(kind);
    file[12..16].copy_from_slice(&nearsight::index::FORMAT.to_le_bytes());
    let number = |file: &[u8], at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let rows = u32::from_le_bytes(file[16..20].try_into().unwrap()) as usize;
    let rows = rows.min((file.len() - HEADER) / ROW).min(64);
    file[16..20].copy_from_slice(&(rows as u32).to_le_bytes());
    // Sections follow one another; their lengths are the input's as far as the file reaches.
    let mut at = HEADER + rows * ROW;
    for row in 0..rows {
        let entry = HEADER + row * ROW;
        let left = ((file.len() - at) / 16 * 16) as u64;
        let length = number(&file, entry + 16).min(left);
        let end = at + (length as usize).next_multiple_of(16);
        file[entry + 8..entry + 16].copy_from_slice(&(at as u64).to_le_bytes());
        file[entry + 16..entry + 24].copy_from_slice(&length.to_le_bytes());
        let check = checksum(&[&file[at..end]]);
        file[entry + 24..entry + 32].copy_from_slice(&check);
        at = end;
    }
    file.truncate(at);
    let check = checksum(&[&file[..24], &file[HEADER..HEADER + rows * ROW]]);
    file[24..32].copy_from_slice(&check);
    file
}

fn checksum(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().as_bytes()[..8].try_into().unwrap()
}

/// A file of this process for parsers that read files.
pub fn written(bytes: &[u8], ending: &str) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = match memory.is_dir() {
        true => memory,
        false => std::env::temp_dir(),
    };
    let file = folder.join(format!("nearsight-fuzz-{}.{ending}", std::process::id()));
    std::fs::write(&file, bytes).expect("a temporary file");
    file
}
