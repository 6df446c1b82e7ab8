#![no_main]
//! Tables beside the pictures (CSV, JSON, as the first byte says) are refused or read.

use libfuzzer_sys::fuzz_target;
use nearsight::build::Metadata;
use nearsight_fuzz::written;

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else {
        return;
    };
    let ending = ["csv", "json", "txt"][usize::from(kind % 3)];
    if let Ok(mut metadata) = Metadata::read(&written(bytes, ending)) {
        let _ = metadata.matched(["a.jpg", "b/a.jpg", "ä.png"].into_iter());
    }
});
