#![no_main]
//! A batch of events is refused, or every event of it is one that is accepted alone.

use libfuzzer_sys::fuzz_target;
use nearsight::feedback::{check, parse_batch};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(events) = parse_batch(bytes) {
        for event in &events {
            check(event).unwrap();
        }
        let text = serde_json::to_vec(&serde_json::json!({ "events": events })).unwrap();
        assert_eq!(parse_batch(&text).unwrap().len(), events.len());
    }
});
