#![no_main]
//! A manifest is refused, or written as it was read and opened.

use libfuzzer_sys::fuzz_target;
use nearsight::index::{Index, Manifest};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes) {
        let text = manifest.to_json();
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
        let index = Index::open(bytes).unwrap();
        assert!(!index.ready());
        let _ = index.missing();
        let _ = index.advance(text.as_bytes());
    }
});
