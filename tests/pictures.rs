//! Pictures through the public door: every variant of every format, and everything that can be
//! wrong with a file. The fixtures are written by `tests/fixtures/pictures/make.py`.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

use std::path::PathBuf;

use nearsight::image::{
    self, Filter, Format, ImageError, Limits, Orientation, Picture, Resize, decode, probe, resize,
};

const WIDTH: u32 = 32;
const HEIGHT: u32 = 24;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    std::fs::read(path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn all_fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".py"))
        .collect();
    names.sort();
    assert!(names.len() > 35, "fixtures are missing: {names:?}");
    names
        .into_iter()
        .map(|name| (name.clone(), fixture(&name)))
        .collect()
}

fn decoded(name: &str) -> Picture {
    decode(&fixture(name), &Limits::default(), None)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The formula of make.py.
fn scene(x: u32, y: u32) -> [i32; 3] {
    let (x, y) = (x as i32, y as i32);
    [x * 8, y * 10, 255 - x * 4 - y * 4]
}

/// Mean and largest distance to what `expected` says, in levels.
fn distance(picture: &Picture, expected: impl Fn(u32, u32) -> [i32; 3]) -> (f64, i32) {
    let (mut sum, mut largest) = (0, 0);
    for y in 0..picture.height {
        for x in 0..picture.width {
            let at = ((y * picture.width + x) * 3) as usize;
            for (found, expected) in picture.rgb[at..at + 3].iter().zip(expected(x, y)) {
                let off = (i32::from(*found) - expected).abs();
                sum += i64::from(off);
                largest = largest.max(off);
            }
        }
    }
    (sum as f64 / picture.rgb.len() as f64, largest)
}

fn luma([r, g, b]: [i32; 3]) -> [i32; 3] {
    [(r * 299 + g * 587 + b * 114 + 500) / 1000; 3]
}

#[test]
fn every_variant_gives_the_scene() {
    // Name, and how far the mean may be off in levels: 0 for what loses nothing.
    let variants = [
        ("baseline.jpg", 1.5),
        ("subsampled.jpg", 6.0),
        ("progressive.jpg", 1.5),
        ("progressive-subsampled.jpg", 6.0),
        ("restart-markers.jpg", 1.5),
        ("cmyk.jpg", 1.5),
        ("exif-broken.jpg", 1.5),
        ("rgb.png", 0.0),
        ("sixteen-bit.png", 0.0),
        ("interlaced.png", 0.0),
        ("palette.png", 14.0),
        ("palette-four-bit.png", 25.0),
        ("lossless.webp", 0.0),
        ("lossy.webp", 6.0),
        ("animated.webp", 0.0),
        ("still.gif", 6.0),
        ("interlaced.gif", 6.0),
        ("animated.gif", 6.0),
    ];
    for (name, tolerance) in variants {
        let picture = decoded(name);
        assert_eq!((picture.width, picture.height), (WIDTH, HEIGHT), "{name}");
        let (mean, _) = distance(&picture, scene);
        assert!(mean <= tolerance, "{name}: {mean:.2} levels off");
    }
}

#[test]
fn grey_becomes_three_equal_channels() {
    for name in ["gray.jpg", "gray.png"] {
        let (mean, _) = distance(&decoded(name), |x, y| luma(scene(x, y)));
        assert!(mean <= 1.0, "{name}: {mean:.2}");
    }
    let (_, largest) = distance(&decoded("sixteen-bit-gray.png"), |x, _| [x as i32 * 8; 3]);
    assert_eq!(largest, 0, "the upper byte is kept");
    let black_or_white = decoded("one-bit.png");
    assert!(black_or_white.rgb.iter().all(|&v| v == 0 || v == 255));
}

#[test]
fn all_eight_orientations_come_out_upright() {
    for value in 1..=8 {
        let name = format!("exif-orientation-{value}.jpg");
        let header = probe(&fixture(&name), &Limits::default()).unwrap();
        assert_eq!(header.orientation, Orientation::from_exif_value(value));
        assert_eq!(header.upright_size(), (WIDTH, HEIGHT), "{name}");
        let picture = decoded(&name);
        assert_eq!((picture.width, picture.height), (WIDTH, HEIGHT), "{name}");
        let (mean, _) = distance(&picture, scene);
        assert!(mean < 1.5, "{name}: {mean:.2}");
    }
    for name in ["exif-orientation-6.png", "exif-orientation-6.webp"] {
        assert_eq!(distance(&decoded(name), scene), (0.0, 0), "{name}");
    }
}

#[test]
fn alpha_is_laid_over_white() {
    let over_white = |x: u32, y: u32| {
        let alpha = x as i32 * 8;
        scene(x, y).map(|value| (value * alpha + 255 * (255 - alpha) + 127) / 255)
    };
    for (name, tolerance) in [
        ("alpha.png", 0.0),
        ("lossless-alpha.webp", 0.0),
        ("lossy-alpha.webp", 4.0),
    ] {
        let (mean, _) = distance(&decoded(name), over_white);
        assert!(mean <= tolerance, "{name}: {mean:.2}");
    }
    let (mean, _) = distance(&decoded("gray-alpha.png"), |x, y| {
        let alpha = x as i32 * 8;
        luma(scene(x, y)).map(|value| (value * alpha + 255 * (255 - alpha) + 127) / 255)
    });
    assert!(mean <= 1.0, "gray-alpha.png: {mean:.2}");
    for name in ["palette-transparent.png", "transparent.gif"] {
        let stripes = |x: u32, _| {
            if x.is_multiple_of(2) {
                [200, 10, 20]
            } else {
                [255; 3]
            }
        };
        assert_eq!(distance(&decoded(name), stripes), (0.0, 0), "{name}");
    }
}

#[test]
fn a_cut_file_is_refused_at_every_length() {
    for (name, bytes) in all_fixtures() {
        // A GIF is answered from its first frame, which may end long before the file does.
        let whole = decode(&bytes, &Limits::default(), None).unwrap();
        let step = if bytes.len() > 5_000 { 97 } else { 1 };
        for length in (0..bytes.len()).step_by(step) {
            match decode(&bytes[..length], &Limits::default(), Some(8)) {
                Err(ImageError::Broken { .. } | ImageError::Empty) => {}
                // The first bytes alone name no format.
                Err(ImageError::Unsupported { .. }) if length < 12 => {}
                Err(error) => panic!("{name} cut at {length}: {error}"),
                Ok(picture) => assert!(
                    name.ends_with(".gif") && picture == whole,
                    "{name} cut at {length} was half-answered"
                ),
            }
        }
    }
}

#[test]
fn a_changed_byte_never_panics() {
    // Small limits, so that a changed size costs nothing; the paths are the same.
    let limits = Limits {
        pixels: 1 << 20,
        allocation_bytes: 16 << 20,
        ..Limits::default()
    };
    for (name, mut bytes) in all_fixtures() {
        let step = if bytes.len() > 5_000 { 53 } else { 1 };
        for at in (0..bytes.len()).step_by(step) {
            for flip in [0x01, 0x10, 0x80, 0xFF] {
                bytes[at] ^= flip;
                if let Ok(picture) = decode(&bytes, &limits, Some(16)) {
                    let expected = picture.width as usize * picture.height as usize * 3;
                    assert_eq!(picture.rgb.len(), expected, "{name}, byte {at} ^ {flip}");
                }
                bytes[at] ^= flip;
            }
        }
    }
}

/// Damage in several places at once, by a fixed sequence of numbers.
#[test]
fn scattered_damage_never_panics() {
    let limits = Limits {
        pixels: 1 << 20,
        allocation_bytes: 16 << 20,
        ..Limits::default()
    };
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for (_, bytes) in all_fixtures() {
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + next() % 8 {
                let at = next() % damaged.len();
                match next() % 3 {
                    0 => damaged[at] = next() as u8,
                    1 => damaged.truncate(at.max(1)),
                    _ => damaged.insert(at, [0x00, 0xFF, 0x7F, 0xD9][next() % 4]),
                }
            }
            let _ = decode(&damaged, &limits, Some(8));
        }
    }
}

#[test]
fn a_decompression_bomb_is_refused_from_its_header() {
    let mut bomb = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".to_vec();
    bomb.extend_from_slice(&30_000u32.to_be_bytes());
    bomb.extend_from_slice(&30_000u32.to_be_bytes());
    bomb.extend_from_slice(&[8, 2, 0, 0, 0, 0, 0, 0, 0]);
    let error = decode(&bomb, &Limits::default(), Some(256)).unwrap_err();
    assert_eq!(error.code(), "picture_too_large");
    assert!(error.to_string().contains("900000000"), "{error}");
}

#[test]
fn a_picture_that_cannot_hold_its_declared_size_is_refused_before_decoding() {
    let mut jpeg = fixture("baseline.jpg");
    let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1F, 0x40, 0x1F, 0x40]);
    let error = decode(&jpeg, &Limits::default(), Some(256)).unwrap_err();
    assert_eq!(error.code(), "picture_broken");
    assert!(error.to_string().contains("8000 x 8000"), "{error}");
}

#[test]
fn hundreds_of_scans_are_refused() {
    let mut jpeg = fixture("progressive.jpg");
    let scan = jpeg.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap();
    // An empty scan of a later coefficient is legal, and each costs a pass over every block.
    let header = [0xFF, 0xDA, 0, 8, 1, 1, 0, 5, 5, 0];
    for _ in 0..200 {
        jpeg.splice(scan..scan, header);
    }
    let error = decode(&jpeg, &Limits::default(), None).unwrap_err();
    assert!(error.to_string().contains("scans"), "{error}");
}

#[test]
fn limits_are_configurable_and_each_names_itself() {
    let bytes = fixture("rgb.png");
    let base = Limits::default();
    let cases = [
        (
            "file_bytes",
            Limits {
                file_bytes: 50,
                ..base
            },
        ),
        ("width", Limits { width: 31, ..base }),
        ("height", Limits { height: 23, ..base }),
        (
            "pixels",
            Limits {
                pixels: 767,
                ..base
            },
        ),
        (
            "allocation_bytes",
            Limits {
                allocation_bytes: 2_303,
                ..base
            },
        ),
    ];
    for (name, limits) in cases {
        let error = decode(&bytes, &limits, None).unwrap_err();
        assert_eq!(error.code(), "picture_too_large", "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let exact = Limits {
        width: 32,
        height: 24,
        pixels: 768,
        ..base
    };
    assert!(decode(&bytes, &exact, None).is_ok());
}

#[test]
fn what_is_no_picture_is_named() {
    let cases: [(&[u8], &str, &str); 5] = [
        (b"", "picture_empty", "0 bytes"),
        (b"just some notes", "picture_unsupported", "text"),
        (
            b"<!doctype html><p>no",
            "picture_unsupported",
            "an HTML page",
        ),
        (
            b"\0\0\0\x1CftypheicXXXX",
            "picture_unsupported",
            "HEIC is not supported; save the picture as",
        ),
        (b"\xFF\xD8\xFF", "picture_broken", "JPEG"),
    ];
    for (bytes, code, words) in cases {
        let error = decode(bytes, &Limits::default(), None).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn probing_tells_format_and_size() {
    for (name, format) in [
        ("baseline.jpg", Format::Jpeg),
        ("rgb.png", Format::Png),
        ("lossy-alpha.webp", Format::WebP),
        ("lossless.webp", Format::WebP),
        ("lossy.webp", Format::WebP),
        ("animated.gif", Format::Gif),
    ] {
        let header = probe(&fixture(name), &Limits::default()).unwrap();
        assert_eq!(header.format, format);
        assert_eq!((header.width, header.height), (WIDTH, HEIGHT), "{name}");
    }
}

#[test]
fn a_jpeg_shrunk_while_decoding_is_close_to_one_shrunk_afterwards() {
    for name in ["photo.jpg", "photo-progressive.jpg"] {
        let bytes = fixture(name);
        let full = decode(&bytes, &Limits::default(), None).unwrap();
        assert_eq!((full.width, full.height), (333, 250));
        for (at_least, expected) in [
            (125, (167, 125)),
            (63, (84, 63)),
            (31, (42, 32)),
            (126, (333, 250)),
        ] {
            let shrunk = decode(&bytes, &Limits::default(), Some(at_least)).unwrap();
            assert_eq!(
                (shrunk.width, shrunk.height),
                expected,
                "{name} at {at_least}"
            );
            let side = at_least / 2;
            let small =
                |picture| resize(picture, side, side, Resize::Crop, Filter::Bilinear).unwrap();
            let (small_full, small_shrunk) = (small(&full), small(&shrunk));
            let sum: u32 = small_full
                .rgb
                .iter()
                .zip(&small_shrunk.rgb)
                .map(|(a, b)| u32::from(a.abs_diff(*b)))
                .sum();
            let mean = f64::from(sum) / small_full.rgb.len() as f64;
            // A third of the picture is a hard checkerboard, the worst case: 3.4 at the smallest side.
            assert!(mean < 4.0, "{name} at {at_least}: {mean:.2} levels off");
        }
    }
}

#[test]
fn builder_and_browser_ask_for_the_same_side() {
    assert_eq!(image::decode_side(128), 256);
    assert_eq!(image::decode_side(u32::MAX), u32::MAX);
}

/// Nothing here may depend on the processor: the vectors of an index are made on one machine and those of
/// queries on another. FNV-1a over decoded and resized pixels; equal natively and in wasm.
#[test]
fn pixels_are_the_same_on_every_machine() {
    let fnv = |picture: &Picture| {
        picture
            .rgb
            .iter()
            .fold(0xCBF2_9CE4_8422_2325u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
            })
    };
    let bytes = fixture("photo.jpg");
    let mut found = Vec::new();
    for at_least in [None, Some(100), Some(32)] {
        let picture = decode(&bytes, &Limits::default(), at_least).unwrap();
        found.push(fnv(&picture));
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            let small = resize(&picture, 48, 48, Resize::Crop, filter).unwrap();
            found.push(fnv(&small));
        }
    }
    assert_eq!(found, PIXEL_HASHES, "{found:#018x?}");
}

const PIXEL_HASHES: [u64; 9] = [
    0x96379456dec177e9,
    0x1e87208dd29d5ae1,
    0xaef3248d1bd4d751,
    0x9a0fcc5fdafa3199,
    0x4cbf235116cb3a30,
    0x0e058a35b2bf175a,
    0xcbf9d4a735631471,
    0xa548f230f1b029d7,
    0xe1dc88614868ae4a,
];
