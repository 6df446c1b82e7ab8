#![no_main]
//! A model's sidecar is refused, or written and read again.

use libfuzzer_sys::fuzz_target;
use nearsight::embed::Sidecar;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(sidecar) = Sidecar::parse(bytes) {
        let text = sidecar.to_json();
        assert_eq!(Sidecar::parse(text.as_bytes()).unwrap().to_json(), text);
    }
});
