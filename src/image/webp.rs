//! WebP bytes → stored pixels: lossy, lossless, alpha over white, the first frame of an animation.
//!
//! The chunks are walked first: canvas, EXIF and completeness come from there, and the
//! sizes of the streams inside are held against the canvas, because the decoder allocates for what
//! a stream declares before it compares.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::decode::over_white;
use super::{Format, ImageError, Limits, Picture};

/// The format's own limit for a stream is 16,383; a canvas beyond it can hold nothing.
const LARGEST_SIDE: u32 = 16_384;

pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) exif: Option<&'a [u8]>,
}

fn broken(reason: impl Into<String>) -> ImageError {
    ImageError::broken(Format::WebP, reason)
}

fn cut() -> ImageError {
    broken("the file ends before the picture is complete")
}

struct Chunk<'a> {
    kind: [u8; 4],
    body: &'a [u8],
}

/// The chunks in `bytes`, in order; an error for the first that is not whole.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = Result<Chunk<'_>, ImageError>> {
    std::iter::from_fn(move || {
        // Padding and stray bytes too short for a header end the file.
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some(body) = rest.get(..length) else {
            bytes = &[];
            return Some(Err(cut()));
        };
        bytes = rest.get(length + length % 2..).unwrap_or(&[]);
        Some(Ok(Chunk {
            kind: [head[0], head[1], head[2], head[3]],
            body,
        }))
    })
}

/// Reads the canvas, holds it against `limits`, and only then walks the other chunks.
pub(super) fn read_header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, ImageError> {
    let declared: [u8; 4] = bytes
        .get(4..8)
        .and_then(|length| length.try_into().ok())
        .ok_or_else(cut)?;
    let length = (u32::from_le_bytes(declared) as usize).saturating_add(8);
    let inside = bytes.get(12..length).ok_or_else(cut)?;
    let first = chunks(inside).next().ok_or_else(cut)??;
    let (width, height) = match &first.kind {
        b"VP8 " | b"VP8L" => stream_size(&first)?,
        b"VP8X" => {
            let &[_, _, _, _, w0, w1, w2, h0, h1, h2] = first.body else {
                return Err(broken("its extended header has the wrong length"));
            };
            let side = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
            (side([w0, w1, w2]), side([h0, h1, h2]))
        }
        _ => return Err(broken("it does not begin with picture data")),
    };
    if width > LARGEST_SIDE || height > LARGEST_SIDE {
        let reason = format!("it declares {width} x {height} pixels, WebP holds 16383 a side");
        return Err(broken(reason));
    }
    limits.check_size(Format::WebP, width, height)?;
    let mut exif = None;
    if first.kind == *b"VP8X" {
        for chunk in chunks(inside) {
            let chunk = chunk?;
            match &chunk.kind {
                b"EXIF" => exif = exif.or(Some(chunk.body)),
                b"VP8 " | b"VP8L" => check_stream(&chunk, width, height)?,
                b"ANMF" => {
                    for inner in chunks(chunk.body.get(16..).ok_or_else(cut)?) {
                        let inner = inner?;
                        if matches!(&inner.kind, b"VP8 " | b"VP8L") {
                            check_stream(&inner, width, height)?;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(Header {
        width,
        height,
        exif,
    })
}

/// The size that a lossy or lossless stream declares for itself.
fn stream_size(chunk: &Chunk<'_>) -> Result<(u32, u32), ImageError> {
    if chunk.kind == *b"VP8L" {
        let &[0x2F, b0, b1, b2, b3, ..] = chunk.body else {
            return Err(broken("its lossless stream has no signature"));
        };
        let bits = u32::from_le_bytes([b0, b1, b2, b3]);
        return Ok(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1));
    }
    let &[_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] = chunk.body else {
        return Err(broken("its lossy stream has no key frame"));
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Ok((side(w0, w1), side(h0, h1)))
}

fn check_stream(chunk: &Chunk<'_>, width: u32, height: u32) -> Result<(), ImageError> {
    let (stream_width, stream_height) = stream_size(chunk)?;
    if stream_width > width || stream_height > height {
        return Err(broken(format!(
            "a stream of {stream_width} x {stream_height} pixels lies in a canvas of {width} x {height}"
        )));
    }
    Ok(())
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, ImageError> {
    let header = read_header(bytes, limits)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    // The decoder's planes or its four bytes a pixel, the canvas of an animation, and the output.
    limits.check_allocation(pixels * 6 + pixels * 4)?;

    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(from_decoder)?;
    decoder.set_memory_limit(bytes.len());
    if decoder.dimensions() != (header.width, header.height) {
        return Err(broken("its headers disagree about its size"));
    }
    if decoder.is_animated() {
        // Where the first frame does not cover the canvas, the page shows through.
        decoder
            .set_background_color([255; 4])
            .map_err(from_decoder)?;
    }
    let size = decoder
        .output_buffer_size()
        .ok_or_else(|| broken("its pixels do not fit into memory"))?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).map_err(from_decoder)?;
    if decoder.has_alpha() {
        // In place: three bytes are written where four were read.
        for at in 0..data.len() / 4 {
            let alpha = data[at * 4 + 3];
            for channel in 0..3 {
                data[at * 3 + channel] = over_white(data[at * 4 + channel], alpha);
            }
        }
        data.truncate(pixels as usize * 3);
    }
    Ok(Picture {
        width: header.width,
        height: header.height,
        rgb: data,
    })
}

fn from_decoder(error: DecodingError) -> ImageError {
    match error {
        DecodingError::IoError(_) => cut(),
        DecodingError::UnsupportedFeature(what) => {
            ImageError::unsupported(format!("a WebP with {what}"))
        }
        other => broken(other.to_string()),
    }
}
