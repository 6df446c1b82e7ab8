#![no_main]
//! An ONNX file is refused, or is a plain network that runs.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nearsight::embed::{Embedder, Sidecar};

/// Of the small network of the tests; its pictures are of 16 x 16 pixels, so that whatever the file says runs quickly.
static SIDECAR: LazyLock<Sidecar> = LazyLock::new(|| {
    let text = include_bytes!("../../tests/fixtures/models/plain.json");
    let mut sidecar = Sidecar::parse(text).expect("a sidecar");
    sidecar.reference = None;
    sidecar
});

fuzz_target!(|bytes: &[u8]| {
    let loaded = Embedder::load(bytes, &SIDECAR);
    assert!(loaded.is_err() || Embedder::is_plain(bytes, &SIDECAR));
});
