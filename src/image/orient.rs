//! EXIF bytes → orientation, and pixels as stored → pixels upright.
//!
//! Cameras store the sensor's rows and note how the camera was held. Without this step a model sees
//! every second phone photo lying on its side. Damaged EXIF is ignored: the pixels are intact,
//! and every viewer shows such a file.

use exif::{In, Tag};

use super::Picture;

/// How stored pixels must be turned to be upright; the discriminants are EXIF's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Orientation {
    #[default]
    Upright = 1,
    MirroredAcross = 2,
    HalfTurn = 3,
    MirroredDown = 4,
    Transposed = 5,
    QuarterTurnRight = 6,
    Transversed = 7,
    QuarterTurnLeft = 8,
}

impl Orientation {
    /// The orientation that EXIF's `value` names; anything outside 1 to 8 is upright.
    pub fn from_exif_value(value: u32) -> Orientation {
        match value {
            2 => Orientation::MirroredAcross,
            3 => Orientation::HalfTurn,
            4 => Orientation::MirroredDown,
            5 => Orientation::Transposed,
            6 => Orientation::QuarterTurnRight,
            7 => Orientation::Transversed,
            8 => Orientation::QuarterTurnLeft,
            _ => Orientation::Upright,
        }
    }

    /// Whether turning upright exchanges width and height.
    pub fn swaps_sides(self) -> bool {
        self as u8 >= 5
    }
}

/// Larger EXIF blocks are not read: JPEG cannot hold them, and the reader copies what it is given.
const LARGEST_EXIF_BYTES: usize = 1 << 20;

/// The orientation in a TIFF-shaped EXIF block (with or without the `Exif\0\0` before it).
pub(super) fn read(exif: Option<&[u8]>) -> Orientation {
    let Some(exif) = exif else {
        return Orientation::Upright;
    };
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    if exif.len() > LARGEST_EXIF_BYTES {
        return Orientation::Upright;
    }
    let mut reader = exif::Reader::new();
    // One damaged entry must not hide the orientation that stands before it.
    reader.continue_on_error(true);
    let fields = match reader.read_raw(exif.to_vec()) {
        Ok(fields) => fields,
        Err(exif::Error::PartialResult(partial)) => partial.into_inner().0,
        Err(_) => return Orientation::Upright,
    };
    fields
        .get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .map_or(Orientation::Upright, Orientation::from_exif_value)
}

/// Turns stored pixels upright.
pub(super) fn apply(picture: Picture, orientation: Orientation) -> Picture {
    if orientation == Orientation::Upright {
        return picture;
    }
    let (stored_width, stored_height) = (picture.width as usize, picture.height as usize);
    let (width, height) = if orientation.swaps_sides() {
        (stored_height, stored_width)
    } else {
        (stored_width, stored_height)
    };
    let (right, bottom) = (stored_width - 1, stored_height - 1);
    let mut rgb = Vec::with_capacity(picture.rgb.len());
    for y in 0..height {
        for x in 0..width {
            // Where the upright pixel (x, y) is stored.
            let (from_x, from_y) = match orientation {
                Orientation::Upright => (x, y),
                Orientation::MirroredAcross => (right - x, y),
                Orientation::HalfTurn => (right - x, bottom - y),
                Orientation::MirroredDown => (x, bottom - y),
                Orientation::Transposed => (y, x),
                Orientation::QuarterTurnRight => (y, bottom - x),
                Orientation::Transversed => (right - y, bottom - x),
                Orientation::QuarterTurnLeft => (right - y, x),
            };
            let at = (from_y * stored_width + from_x) * 3;
            rgb.extend_from_slice(&picture.rgb[at..at + 3]);
        }
    }
    Picture {
        width: width as u32,
        height: height as u32,
        rgb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 x 2 pixels whose red value is their number: 0 1 2 / 3 4 5.
    fn numbered() -> Picture {
        Picture {
            width: 3,
            height: 2,
            rgb: (0..6u8).flat_map(|n| [n, 0, 0]).collect(),
        }
    }

    #[test]
    fn each_orientation_moves_every_pixel_where_exif_says() {
        let expected: [(u32, u32, [u8; 6]); 8] = [
            (1, 3, [0, 1, 2, 3, 4, 5]),
            (2, 3, [2, 1, 0, 5, 4, 3]),
            (3, 3, [5, 4, 3, 2, 1, 0]),
            (4, 3, [3, 4, 5, 0, 1, 2]),
            (5, 2, [0, 3, 1, 4, 2, 5]),
            (6, 2, [3, 0, 4, 1, 5, 2]),
            (7, 2, [5, 2, 4, 1, 3, 0]),
            (8, 2, [2, 5, 1, 4, 0, 3]),
        ];
        for (value, width, order) in expected {
            let turned = apply(numbered(), Orientation::from_exif_value(value));
            assert_eq!(turned.width, width, "orientation {value}");
            let reds: Vec<u8> = turned.rgb.chunks_exact(3).map(|p| p[0]).collect();
            assert_eq!(reds, order, "orientation {value}");
        }
    }

    #[test]
    fn broken_exif_is_upright() {
        for bytes in [&b""[..], b"Exif\0\0", b"II*\0\xFF\xFF\xFF\xFF", b"garbage"] {
            assert_eq!(read(Some(bytes)), Orientation::Upright);
        }
    }
}
