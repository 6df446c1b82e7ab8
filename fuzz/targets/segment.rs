#![no_main]
//! A segment is refused, or is written as it was read; every row of it can be decoded.

use libfuzzer_sys::fuzz_target;
use nearsight::index::Segment;
use nearsight_fuzz::seal;

fuzz_target!(|bytes: &[u8]| {
    let _ = Segment::parse("plain", bytes);
    let Ok(segment) = Segment::parse("sealed", &seal(bytes, b"CELL")) else {
        return;
    };
    let again = Segment::parse("again", &segment.write()).unwrap();
    assert_eq!(again.write(), segment.write());
    if segment.dimension > 512 {
        return;
    }
    let centroid = vec![0.5; segment.dimension];
    let mut vector = vec![0.0; segment.dimension];
    for cell in &segment.cells {
        for row in 0..cell.ids.len().min(64) {
            cell.codes.decode(row, &centroid, &mut vector);
        }
    }
});
