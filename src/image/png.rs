//! PNG bytes → stored pixels: every colour type and depth, interlaced or not, alpha over white.
//!
//! The chunks are walked first: size and EXIF come from there, and a file without its closing chunk was
//! cut short. 16-bit samples keep their upper byte. An animated PNG gives its default image.

use std::io::Cursor;

use png::{ColorType, Decoder, Transformations};

use super::decode::over_white;
use super::{Format, ImageError, Limits, Picture};

pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) exif: Option<&'a [u8]>,
    interlaced: bool,
}

fn broken(reason: impl Into<String>) -> ImageError {
    ImageError::broken(Format::Png, reason)
}

/// Reads the header, holds it against `limits`, and only then walks the other chunks.
pub(super) fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, ImageError> {
    let cut = || broken("the file ends before the picture is complete");
    let (first, body, mut at) = chunk(bytes, 8).ok_or_else(cut)?;
    let &[
        w3,
        w2,
        w1,
        w0,
        h3,
        h2,
        h1,
        h0,
        _depth,
        _colour,
        _compression,
        _filter,
        interlace,
    ] = body
    else {
        return Err(broken("its header has the wrong length"));
    };
    if first != *b"IHDR" {
        return Err(broken("it does not begin with its header"));
    }
    let mut header = Header {
        width: u32::from_be_bytes([w3, w2, w1, w0]),
        height: u32::from_be_bytes([h3, h2, h1, h0]),
        exif: None,
        interlaced: interlace != 0,
    };
    limits.check_size(Format::Png, header.width, header.height)?;
    loop {
        let (kind, body, end) = chunk(bytes, at).ok_or_else(cut)?;
        match &kind {
            b"eXIf" => header.exif = header.exif.or(Some(body)),
            b"IEND" => return Ok(header),
            _ => {}
        }
        at = end;
    }
}

/// Kind and body of the chunk at `at`, and where the next one begins.
fn chunk(bytes: &[u8], at: usize) -> Option<([u8; 4], &[u8], usize)> {
    let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    let kind = bytes.get(at + 4..at + 8)?.try_into().ok()?;
    let end = (at + 8).checked_add(length)?;
    let body = bytes.get(at + 8..end)?;
    // Four bytes of checksum stand behind the body.
    bytes.get(end..end + 4)?;
    Some((kind, body, end + 4))
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, ImageError> {
    let header = read_header(bytes, limits)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    // The output, the decoder's whole frame (8 bytes a pixel at most) when rows come interlaced, two
    // rows otherwise, and a copy when the picture must be turned.
    let frame = if header.interlaced {
        pixels * 4
    } else {
        u64::from(header.width) * 32
    };
    let turned = if header.exif.is_some() { pixels * 3 } else { 0 };
    limits.check_allocation(pixels * 3 + frame + turned)?;

    let allowed = usize::try_from(limits.allocation_bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: allowed });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(from_decoder)?;
    let (colour, _) = reader.output_color_type();
    let mut rgb = Vec::with_capacity((pixels * 3) as usize);
    if header.interlaced {
        let size = reader
            .output_buffer_size()
            .ok_or_else(|| broken("its rows do not fit into memory"))?;
        let mut frame = vec![0; size];
        reader.next_frame(&mut frame).map_err(from_decoder)?;
        append_rgb(&mut rgb, &frame, colour);
    } else {
        for _ in 0..header.height {
            let row = reader.next_row().map_err(from_decoder)?;
            let row = row.ok_or_else(|| broken("it has fewer rows than its header declares"))?;
            append_rgb(&mut rgb, row.data(), colour);
        }
    }
    reader.finish().map_err(from_decoder)?;
    Ok(Picture {
        width: header.width,
        height: header.height,
        rgb,
    })
}

fn append_rgb(rgb: &mut Vec<u8>, samples: &[u8], colour: ColorType) {
    match colour {
        ColorType::Rgb => rgb.extend_from_slice(samples),
        ColorType::Rgba => rgb.extend(
            samples
                .chunks_exact(4)
                .flat_map(|p| [p[0], p[1], p[2]].map(|value| over_white(value, p[3]))),
        ),
        ColorType::GrayscaleAlpha => rgb.extend(
            samples
                .chunks_exact(2)
                .flat_map(|p| [over_white(p[0], p[1]); 3]),
        ),
        // Palettes were expanded by the decoder: what is left is grey.
        ColorType::Grayscale | ColorType::Indexed => {
            rgb.extend(samples.iter().flat_map(|&grey| [grey; 3]));
        }
    }
}

fn from_decoder(error: png::DecodingError) -> ImageError {
    match error {
        png::DecodingError::LimitsExceeded => broken("it asks for more memory than its size needs"),
        png::DecodingError::IoError(_) => broken("the file ends before the picture is complete"),
        other => broken(other.to_string()),
    }
}
