//! Bytes → numbers, little-endian.

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
