#![no_main]
//! Whatever is asked of a search (options as JSON, a vector as raw numbers) is refused or answered within what was asked.
//!
//! The first byte says how many bytes of the input are the options.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nearsight::build::load_index;
use nearsight::index::Index;
use nearsight::search::{SearchOptions, search, search_filtered};

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/compat/v2/six");
    load_index(folder.as_ref()).expect("the index of format 2")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&length, rest)) = bytes.split_first() else {
        return;
    };
    let (json, vector) = rest.split_at(rest.len().min(usize::from(length)));
    let Ok(options) = serde_json::from_slice::<SearchOptions>(json) else {
        return;
    };
    let mut vector: Vec<f32> = vector.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    vector.resize(vector.len().clamp(23, 24), 0.25);
    for filtered in [false, true] {
        let passes = |id: u32| id % 3 == 0;
        let answer = match filtered {
            false => search(&INDEX, &vector, &options),
            true => search_filtered(&INDEX, &vector, &options, &passes),
        };
        if let Ok(answer) = answer {
            assert!(answer.hits.len() <= options.k);
            assert!((0.0..=1.0).contains(&answer.confidence));
            assert!(answer.hits.is_sorted_by(|a, b| a.score >= b.score));
            assert!(answer.hits.iter().all(|hit| Some(hit.id) != options.exclude));
            assert!(!filtered || answer.hits.iter().all(|hit| passes(hit.id)));
        }
    }
});
