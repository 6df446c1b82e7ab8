#![no_main]
//! A file of records is refused, or gives every record by its id.

use libfuzzer_sys::fuzz_target;
use nearsight::index::Records;
use nearsight_fuzz::seal;

fuzz_target!(|bytes: &[u8]| {
    let _ = Records::parse("plain", bytes);
    let Ok(records) = Records::parse("sealed", &seal(bytes, b"RECD")) else {
        return;
    };
    let all: Vec<_> = records.iter().collect();
    assert_eq!(all.len(), records.len());
    for record in all {
        assert_eq!(records.get(record.id), Some(record));
    }
});
