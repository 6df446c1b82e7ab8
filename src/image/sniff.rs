//! The first bytes of a file → its format, or the name of what it is instead.
//!
//! File names and content types are not asked: they lie too often. What cannot be read is named as
//! precisely as its first bytes allow, because "HEIC is not supported" tells a person what to do
//! and "unknown format" does not.

use super::ImageError;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::WebP => "WebP",
            Format::Gif => "GIF",
        })
    }
}

pub(super) fn sniff(bytes: &[u8]) -> Result<Format, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    if bytes.starts_with(&[0xFF, 0xD8]) {
        return Ok(Format::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1A\n") {
        return Ok(Format::Png);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(Format::WebP);
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Ok(Format::Gif);
    }
    Err(ImageError::unsupported(name_of_other(bytes)))
}

fn name_of_other(bytes: &[u8]) -> &'static str {
    if bytes.get(4..8) == Some(b"ftyp") {
        return match bytes.get(8..12) {
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
                "HEIC"
            }
            Some(b"avif" | b"avis") => "AVIF",
            Some(b"crx ") => "camera raw (CR3)",
            _ => "video (MP4 or QuickTime)",
        };
    }
    const MAGIC: &[(&[u8], &str)] = &[
        (b"II*\0", "TIFF (or camera raw)"),
        (b"MM\0*", "TIFF (or camera raw)"),
        (b"II+\0", "TIFF (BigTIFF)"),
        (b"MM\0+", "TIFF (BigTIFF)"),
        (b"BM", "BMP"),
        (b"%PDF", "PDF"),
        (b"8BPS", "Photoshop (PSD)"),
        (b"\xFF\x0A", "JPEG XL"),
        (b"\0\0\0\x0CJXL ", "JPEG XL"),
        (b"\0\0\0\x0CjP  ", "JPEG 2000"),
        (b"\xFF\x4F\xFF\x51", "JPEG 2000"),
        (b"\0\0\x01\0", "an icon file (ICO)"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1A\x45\xDF\xA3", "video (WebM or Matroska)"),
        (
            b"\x89PNG",
            "a PNG whose signature was damaged by a text transfer",
        ),
    ];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    text_name(&bytes[..bytes.len().min(1024)])
        .unwrap_or("this file (its first bytes are those of no picture format)")
}

/// Names text: an error page saved under a picture's name is the usual case.
fn text_name(start: &[u8]) -> Option<&'static str> {
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    // The cut at 1024 bytes may go through a character: what is valid before it decides.
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let lower = text.trim_start().to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some("an HTML page");
    }
    if lower.starts_with("<svg")
        || ((lower.starts_with("<?xml") || lower.starts_with("<!")) && lower.contains("<svg"))
    {
        return Some("SVG");
    }
    if lower.starts_with("version https://git-lfs") {
        return Some("a Git LFS pointer (the picture itself was not fetched)");
    }
    Some("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        sniff(bytes).unwrap_err().to_string()
    }

    #[test]
    fn other_formats_are_named() {
        let cases: &[(&[u8], &str)] = &[
            (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
            (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
            (b"II*\0\x08\0\0\0", "TIFF"),
            (b"BM\x36\0", "BMP"),
            (b"%PDF-1.7", "PDF"),
            (b"<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg>", "SVG"),
            (b"<svg xmlns=''/>", "SVG"),
            (b"<!DOCTYPE html><title>404", "an HTML page"),
            (b"Not found, sorry\n", "text"),
            (b"\x01\x02\x03\x04", "this file"),
        ];
        for (bytes, name) in cases {
            let message = refused(bytes);
            assert!(message.starts_with(name), "{message}");
            assert!(message.ends_with("as JPEG, PNG, WebP or GIF"), "{message}");
        }
    }

    #[test]
    fn text_cut_inside_a_character_is_still_text() {
        let mut text = "a".repeat(1023).into_bytes();
        text.extend_from_slice("é".as_bytes());
        assert!(refused(&text).starts_with("text"));
    }
}
