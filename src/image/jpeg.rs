//! JPEG bytes → stored pixels, shrunk inside the transform when fewer are needed.
//!
//! The markers are walked here before the decoder sees a byte, for three reasons: size, EXIF and
//! memory are known before anything is allocated; a file whose picture data is too short for the
//! size it declares is refused at once (one bit a block at the very least, two in a sequential
//! scan); and a file with hundreds of scans, each of which costs a pass over all blocks, is refused too.
//!
//! jpeg-decoder is built with `platform_independent`: its SSSE3 and NEON transforms round otherwise
//! than its plain ones, and the builder and the browser must agree to the last bit. It
//! costs nothing where it matters, since the shrunk transforms have no vector form anyway.

use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use super::{Format, ImageError, Limits, Picture};

/// More scans than this are refused: encoders write about ten, the optimising ones up to thirty.
const LARGEST_SCAN_COUNT: usize = 100;

/// What the frame header declares.
pub(super) struct Frame<'a> {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) exif: Option<&'a [u8]>,
    progressive: bool,
    components: Vec<Component>,
}

#[derive(Clone, Copy)]
struct Component {
    identifier: u8,
    horizontal: u64,
    vertical: u64,
}

fn broken(reason: impl Into<String>) -> ImageError {
    ImageError::broken(Format::Jpeg, reason)
}

/// One marker segment: its code, what it carries, and where the bytes after it begin.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
    end: usize,
}

fn next_segment(bytes: &[u8], mut at: usize) -> Result<Segment<'_>, ImageError> {
    let cut = || broken("the file ends before the picture is complete");
    let byte = |at: usize| bytes.get(at).copied().ok_or_else(cut);
    loop {
        while byte(at)? != 0xFF {
            at += 1;
        }
        while byte(at)? == 0xFF {
            at += 1;
        }
        let marker = byte(at)?;
        at += 1;
        match marker {
            0x00 => continue,
            // These stand alone.
            0x01 | 0xD0..=0xD9 => {
                return Ok(Segment {
                    marker,
                    body: &[],
                    end: at,
                });
            }
            _ => {
                let length = usize::from(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
                if length < 2 {
                    return Err(broken("a segment is shorter than its own length field"));
                }
                let body = bytes.get(at + 2..at + length).ok_or_else(cut)?;
                return Ok(Segment {
                    marker,
                    body,
                    end: at + length,
                });
            }
        }
    }
}

/// Walks to the frame header.
pub(super) fn read_frame(bytes: &[u8]) -> Result<Frame<'_>, ImageError> {
    walk_to_frame(bytes).map(|(frame, _)| frame)
}

fn walk_to_frame(bytes: &[u8]) -> Result<(Frame<'_>, usize), ImageError> {
    let mut exif = None;
    let mut at = 2;
    loop {
        let segment = next_segment(bytes, at)?;
        at = segment.end;
        match segment.marker {
            0xE1 if segment.body.starts_with(b"Exif\0\0") => exif = exif.or(Some(segment.body)),
            0xC0..=0xC2 => {
                let frame = parse_frame(segment.marker, segment.body, exif)?;
                return Ok((frame, at));
            }
            0xC3 => return Err(ImageError::unsupported("lossless JPEG")),
            0xC5..=0xC7 | 0xCD..=0xCF | 0xDE => {
                return Err(ImageError::unsupported("hierarchical JPEG"));
            }
            0xC9..=0xCC => {
                return Err(ImageError::unsupported("arithmetic-coded JPEG"));
            }
            0xD9 | 0xDA => return Err(broken("it has no frame header before its picture data")),
            _ => {}
        }
    }
}

fn parse_frame<'a>(
    marker: u8,
    body: &[u8],
    exif: Option<&'a [u8]>,
) -> Result<Frame<'a>, ImageError> {
    let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = body else {
        return Err(broken("its frame header is too short"));
    };
    if precision != 8 {
        return Err(ImageError::unsupported(format!("{precision}-bit JPEG")));
    }
    if !matches!(count, 1 | 3 | 4) {
        let found = format!("a JPEG with {count} colour components");
        return Err(ImageError::unsupported(found));
    }
    if rest.len() != usize::from(count) * 3 {
        return Err(broken("its frame header has the wrong length"));
    }
    let components: Vec<Component> = rest
        .chunks_exact(3)
        .map(|component| Component {
            identifier: component[0],
            horizontal: u64::from(component[1] >> 4),
            vertical: u64::from(component[1] & 15),
        })
        .collect();
    let factors = 1..=4;
    if components
        .iter()
        .any(|c| !factors.contains(&c.horizontal) || !factors.contains(&c.vertical))
    {
        return Err(broken("a sampling factor is not 1 to 4"));
    }
    let height = u16::from_be_bytes([h1, h0]);
    if height == 0 {
        return Err(ImageError::unsupported(
            "a JPEG that states its height after its picture data",
        ));
    }
    Ok(Frame {
        width: u16::from_be_bytes([w1, w0]),
        height,
        exif,
        progressive: marker == 0xC2,
        components,
    })
}

impl Frame<'_> {
    fn largest_factors(&self) -> (u64, u64) {
        let horizontal = self.components.iter().map(|c| c.horizontal).max();
        let vertical = self.components.iter().map(|c| c.vertical).max();
        (horizontal.unwrap_or(1), vertical.unwrap_or(1))
    }

    /// Blocks of 8 x 8 that the component has for certain: without the padding of interleaved scans.
    fn blocks(&self, component: &Component) -> u64 {
        let (horizontal, vertical) = self.largest_factors();
        let wide = (u64::from(self.width) * component.horizontal).div_ceil(horizontal * 8);
        let high = (u64::from(self.height) * component.vertical).div_ceil(vertical * 8);
        wide * high
    }

    /// Samples of all components, padded to whole blocks, as the decoder holds them.
    fn padded_samples(&self) -> u64 {
        let (horizontal, vertical) = self.largest_factors();
        let units = u64::from(self.width).div_ceil(horizontal * 8)
            * u64::from(self.height).div_ceil(vertical * 8);
        let blocks_a_unit: u64 = self
            .components
            .iter()
            .map(|c| c.horizontal * c.vertical)
            .sum();
        units * blocks_a_unit * 64
    }

    /// Memory held at once when decoding at `eighths` / 8 of the size.
    fn allocation_bytes(&self, eighths: u64, turned: bool) -> u64 {
        let coefficients = if self.progressive {
            self.padded_samples() * 2
        } else {
            0
        };
        let planes = self.padded_samples() * eighths * eighths / 64;
        let pixels = (u64::from(self.width) * eighths).div_ceil(8)
            * (u64::from(self.height) * eighths).div_ceil(8);
        // The decoder's output; a second buffer where it must be converted or turned.
        let copies = 1 + u64::from(self.components.len() != 3) + u64::from(turned);
        let output = pixels * (self.components.len() as u64).max(3) * copies;
        coefficients + planes + output
    }

    /// The smallest scale, in eighths, whose shorter side is still `at_least`.
    fn eighths(&self, at_least: Option<u32>) -> u64 {
        let shorter = u64::from(self.width.min(self.height));
        let Some(at_least) = at_least else { return 8 };
        [1, 2, 4]
            .into_iter()
            .find(|eighths| (shorter * eighths).div_ceil(8) >= u64::from(at_least))
            .unwrap_or(8)
    }
}

/// Walks the scans behind the frame header and refuses what cannot hold the declared picture.
fn check_scans(bytes: &[u8], frame: &Frame<'_>, mut at: usize) -> Result<(), ImageError> {
    let mut scans = 0;
    loop {
        let segment = next_segment(bytes, at)?;
        at = segment.end;
        match segment.marker {
            0xDA => {
                scans += 1;
                if scans > LARGEST_SCAN_COUNT {
                    let reason = format!("it has more than {LARGEST_SCAN_COUNT} scans");
                    return Err(broken(reason));
                }
                let end = end_of_scan(bytes, at);
                check_scan(frame, segment.body, (end - at) as u64)?;
                at = end;
            }
            0xD9 if scans == 0 => return Err(broken("it has no picture data")),
            0xD9 => return Ok(()),
            _ => {}
        }
    }
}

/// Where the entropy-coded bytes that begin at `at` end: at the next marker that is not a restart.
fn end_of_scan(bytes: &[u8], mut at: usize) -> usize {
    while let Some(step) = bytes[at..].iter().position(|&byte| byte == 0xFF) {
        at += step;
        match bytes.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            _ => return at,
        }
    }
    bytes.len()
}

fn check_scan(frame: &Frame<'_>, header: &[u8], data_bytes: u64) -> Result<(), ImageError> {
    let short = || broken("a scan header is too short");
    let (&count, rest) = header.split_first().ok_or_else(short)?;
    let selectors = rest.get(..usize::from(count) * 2).ok_or_else(short)?;
    let first_coefficient = *rest.get(usize::from(count) * 2).ok_or_else(short)?;
    let blocks: u64 = selectors
        .chunks_exact(2)
        .filter_map(|s| frame.components.iter().find(|c| c.identifier == s[0]))
        .map(|component| frame.blocks(component))
        .sum();
    // A sequential block has at least one bit for its mean and one for its end; a progressive scan
    // of the means one bit; of the rest nothing can be said, since one code can end 32,767 blocks.
    let fewest_bits = match (frame.progressive, first_coefficient) {
        (false, _) => blocks * 2,
        (true, 0) => blocks,
        (true, _) => 0,
    };
    if data_bytes * 8 < fewest_bits {
        return Err(broken(format!(
            "a scan holds {data_bytes} bytes, {} are the least that {} x {} pixels need",
            fewest_bits.div_ceil(8),
            frame.width,
            frame.height
        )));
    }
    Ok(())
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    at_least: Option<u32>,
) -> Result<Picture, ImageError> {
    let (frame, after_frame) = walk_to_frame(bytes)?;
    let eighths = frame.eighths(at_least);
    limits.check_allocation(frame.allocation_bytes(eighths, frame.exif.is_some()))?;
    check_scans(bytes, &frame, after_frame)?;

    let mut decoder = Decoder::new(bytes);
    if eighths < 8 {
        // The decoder takes the smallest scale at which *either* side suffices: ask for the
        // longer side exactly and for the other more than there is.
        let longer = u64::from(frame.width.max(frame.height));
        let wanted = (longer * eighths).div_ceil(8) as u16;
        let (width, height) = if frame.width >= frame.height {
            (wanted, u16::MAX)
        } else {
            (u16::MAX, wanted)
        };
        decoder.scale(width, height).map_err(from_decoder)?;
    }
    let data = decoder.decode().map_err(from_decoder)?;
    let info = decoder
        .info()
        .ok_or_else(|| broken("its frame header was not read"))?;
    let rgb = match info.pixel_format {
        PixelFormat::RGB24 => data,
        PixelFormat::L8 => data.into_iter().flat_map(|grey| [grey; 3]).collect(),
        PixelFormat::CMYK32 => data.chunks_exact(4).flat_map(rgb_of_ink).collect(),
        PixelFormat::L16 => return Err(ImageError::unsupported("16-bit JPEG")),
    };
    Ok(Picture {
        width: info.width.into(),
        height: info.height.into(),
        rgb,
    })
}

/// The decoder gives amounts of ink. It takes stored values as inverted whether or not an Adobe
/// marker says so, as browsers do: what a visitor sees is what is searched.
fn rgb_of_ink(ink: &[u8]) -> [u8; 3] {
    let light = |amount: u8| u32::from(255 - amount);
    let key = light(ink[3]);
    [ink[0], ink[1], ink[2]].map(|amount| ((light(amount) * key + 127) / 255) as u8)
}

fn from_decoder(error: jpeg_decoder::Error) -> ImageError {
    use jpeg_decoder::{Error, UnsupportedFeature};
    match error {
        Error::Unsupported(UnsupportedFeature::ColorTransform(
            ColorTransform::JcsBgYcc | ColorTransform::JcsBgRgb,
        )) => ImageError::unsupported("a JPEG in a wide-gamut colour space"),
        Error::Unsupported(feature) => ImageError::unsupported(format!("a JPEG with {feature:?}")),
        Error::Io(_) => broken("the file ends before the picture is complete"),
        other => broken(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u16, height: u16, progressive: bool) -> Frame<'static> {
        let component = |identifier, factor| Component {
            identifier,
            horizontal: factor,
            vertical: factor,
        };
        Frame {
            width,
            height,
            exif: None,
            progressive,
            components: vec![component(1, 2), component(2, 1), component(3, 1)],
        }
    }

    #[test]
    fn the_scale_keeps_the_shorter_side() {
        let photo = frame(4000, 3000, false);
        assert_eq!(photo.eighths(Some(256)), 1);
        assert_eq!(photo.eighths(Some(375)), 1);
        assert_eq!(photo.eighths(Some(376)), 2);
        assert_eq!(photo.eighths(Some(1501)), 8);
        assert_eq!(photo.eighths(None), 8);
    }

    #[test]
    fn a_hundred_megapixel_scan_needs_little_memory_and_a_progressive_one_its_coefficients() {
        let (scan, progressive) = (frame(11_600, 8_700, false), frame(11_600, 8_700, true));
        assert!(scan.allocation_bytes(1, false) < 10 << 20);
        assert!(progressive.allocation_bytes(1, false) > 280 << 20);
        let limits = Limits::default();
        assert!(
            limits
                .check_allocation(progressive.allocation_bytes(1, false))
                .is_ok()
        );
        assert!(
            limits
                .check_allocation(scan.allocation_bytes(8, false))
                .is_err()
        );
    }

    #[test]
    fn ink_darkens() {
        assert_eq!(rgb_of_ink(&[0, 0, 0, 0]), [255; 3]);
        assert_eq!(rgb_of_ink(&[0, 0, 0, 255]), [0; 3]);
        assert_eq!(rgb_of_ink(&[255, 0, 0, 0]), [0, 255, 255]);
    }
}
