//! GIF bytes → pixels of the first frame on the screen it declares, transparent parts white.
//!
//! Frames after the first are not read, so a file cut short behind its first frame is answered.

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::{Format, ImageError, Limits, Picture};

fn broken(reason: impl Into<String>) -> ImageError {
    ImageError::broken(Format::Gif, reason)
}

/// The size of the logical screen.
pub(super) fn read_size(bytes: &[u8]) -> Result<(u16, u16), ImageError> {
    let Some(&[w0, w1, h0, h1]) = bytes.get(6..10) else {
        return Err(broken("the file ends inside its header"));
    };
    Ok((u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1])))
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, ImageError> {
    let (width, height) = read_size(bytes)?;
    let screen_pixels = u64::from(width) * u64::from(height);
    limits.check_allocation(screen_pixels * 4)?;

    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // A frame may declare another size than its screen: it is held against the same limits.
    let left = limits.allocation_bytes - screen_pixels * 3;
    if let Some(left) = std::num::NonZeroU64::new(left) {
        options.set_memory_limit(MemoryLimit::Bytes(left));
    }
    let mut decoder = options.read_info(bytes).map_err(from_decoder)?;
    let frame = decoder
        .read_next_frame()
        .map_err(from_decoder)?
        .ok_or_else(|| broken("it holds no frame"))?
        .clone();
    let palette = match &frame.palette {
        Some(palette) => palette.as_slice(),
        None => decoder
            .global_palette()
            .ok_or_else(|| broken("it has no palette"))?,
    };
    let screen_width = usize::from(width);
    let mut rgb = vec![255; screen_pixels as usize * 3];
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let frame_width = usize::from(frame.width).max(1);
    for (row, indices) in frame.buffer.chunks_exact(frame_width).enumerate() {
        let y = top + row;
        if y >= usize::from(height) {
            break;
        }
        // What reaches beyond the screen is cut off.
        let visible = screen_width.saturating_sub(left).min(indices.len());
        for (column, &index) in indices[..visible].iter().enumerate() {
            if frame.transparent == Some(index) {
                continue;
            }
            let at = usize::from(index) * 3;
            // An index beyond the palette shows nothing, as in browsers.
            if let Some(colour) = palette.get(at..at + 3) {
                let to = (y * screen_width + left + column) * 3;
                rgb[to..to + 3].copy_from_slice(colour);
            }
        }
    }
    Ok(Picture {
        width: width.into(),
        height: height.into(),
        rgb,
    })
}

fn from_decoder(error: DecodingError) -> ImageError {
    match error {
        DecodingError::Io(_) => broken("the file ends before the first frame is complete"),
        other => broken(other.to_string()),
    }
}
