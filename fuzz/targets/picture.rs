#![no_main]
//! A picture of any format is refused, or decoded to the pixels that its header states, within the limits.

use libfuzzer_sys::fuzz_target;
use nearsight::image::{Limits, decode, probe, thumbnail};

fuzz_target!(|bytes: &[u8]| {
    // Small, so that a run is not spent on filling memory.
    let limits = Limits { pixels: 1 << 18, ..Limits::default() };
    let header = probe(bytes, &limits);
    for at_least in [None, Some(32)] {
        let Ok(picture) = decode(bytes, &limits, at_least) else {
            continue;
        };
        let area = u64::from(picture.width) * u64::from(picture.height);
        assert_eq!(picture.rgb.len() as u64, 3 * area);
        assert!(area <= 1 << 18);
        let size = header.as_ref().expect("what is decoded can be probed").upright_size();
        if at_least.is_none() {
            assert_eq!((picture.width, picture.height), size);
        }
        let _ = thumbnail(&picture, 64).unwrap();
    }
});
