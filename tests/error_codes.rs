//! The codes that a page may meet are one list: the rooms that the module holds, and the client's own.
//!
//! To write `www/client/codes.ts` again after a change of a room's `CODES`:
//! `NEARSIGHT_WRITE_TYPES=1 cargo test --release --test error_codes`

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

use std::collections::BTreeSet;

use nearsight::{build, embed, image, index, partition, search};

/// What can only go wrong in a browser.
const CLIENT: &[&str] = &[
    "aborted",
    "closed",
    "model_missing",
    "network_failed",
    "not_wasm",
    "options_invalid",
    "picture_unreadable",
    "wasm_unsupported",
    "worker_failed",
];

fn declarations() -> String {
    let rooms = [
        image::CODES,
        embed::CODES,
        index::CODES,
        search::CODES,
        partition::CODES,
        build::assemble::CODES,
        CLIENT,
    ];
    let codes: BTreeSet<&str> = rooms.into_iter().flatten().copied().collect();
    let mut text = String::from(
        "// Printed by tests/error_codes.rs from the rooms' CODES and the client's own; change it there.\n\n\
         export const CODES = [\n",
    );
    for code in codes {
        text.push_str(&format!("  \"{code}\",\n"));
    }
    text.push_str("] as const;\n\nexport type Code = (typeof CODES)[number];\n");
    text
}

#[test]
fn the_typescript_file_names_the_codes_of_the_rooms() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("www/client/codes.ts");
    if std::env::var_os("NEARSIGHT_WRITE_TYPES").is_some() {
        std::fs::write(&path, declarations()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        found,
        declarations(),
        "www/client/codes.ts is old: write it again with NEARSIGHT_WRITE_TYPES=1"
    );
}
