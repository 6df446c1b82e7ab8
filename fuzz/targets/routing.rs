#![no_main]
//! A routing is refused, or gives the same tables again; a query is led by it without a panic.

use libfuzzer_sys::fuzz_target;
use nearsight::index::Routing;
use nearsight::search::{Cells, Query, SearchOptions};
use nearsight_fuzz::seal;

struct Nothing;

impl Cells for Nothing {
    fn segment(&self, _: u32) -> Option<&nearsight::index::Segment> {
        None
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = Routing::parse("plain", bytes);
    let Ok(routing) = Routing::parse("sealed", &seal(bytes, b"ROUT")) else {
        return;
    };
    let again = Routing::parse("again", &routing.write()).unwrap();
    assert_eq!(again.write(), routing.write());
    if routing.dimension <= 512 {
        let vector = vec![1.0; routing.dimension];
        for recall in [0.9, 1.0] {
            let options = SearchOptions { recall, ..SearchOptions::default() };
            if let Ok(mut query) = Query::new(&routing, &vector, options) {
                let _ = query.step(&Nothing);
            }
        }
    }
});
