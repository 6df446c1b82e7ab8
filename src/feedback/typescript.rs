//! The event types → the TypeScript declarations of `www/client/event-types.ts`.
//!
//! To write the file again after a change of `event.rs`:
//! `NEARSIGHT_WRITE_TYPES=1 cargo test --release --lib feedback::typescript`

use ts_rs::{Config, TS};

use super::event::{Audit, Click, Event, Impression, Query, Shown};

/// The whole text of the file.
pub fn declarations() -> String {
    // JSON numbers are JavaScript numbers; the checks hold integers below 2^53.
    let config = Config::new().with_large_int("number");
    let mut text = String::from(
        "// Printed from src/feedback/event.rs by `cargo test`; change it there.\n\
         // The test `the_typescript_file_is_what_the_rust_types_say` compares the two.\n",
    );
    for declaration in [
        Query::decl(&config),
        Shown::decl(&config),
        Impression::decl(&config),
        Click::decl(&config),
        Audit::decl(&config),
        Event::decl(&config),
    ] {
        text.push_str("\nexport ");
        text.push_str(&declaration);
        if !declaration.ends_with(';') {
            text.push(';');
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_typescript_file_is_what_the_rust_types_say() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("www/client/event-types.ts");
        if std::env::var_os("NEARSIGHT_WRITE_TYPES").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, declarations()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            found,
            declarations(),
            "www/client/event-types.ts is old: write it again with NEARSIGHT_WRITE_TYPES=1"
        );
    }

    /// ts-rs does not read serde's attributes here, so the names on the wire are compared as well.
    #[test]
    fn every_name_on_the_wire_is_declared() {
        let text = declarations();
        let wire = [
            json!(Query::ImageId(1)),
            json!(Query::Embedding(String::new())),
            json!(Event::Impression(Impression {
                event_id: String::new(),
                session: String::new(),
                search_id: String::new(),
                epoch: 0,
                query: None,
                shown: vec![],
                probed: vec![],
                scanned: 0,
                took_ms: 0.0,
                at: 0.0,
            })),
            json!(Event::Click(Click {
                event_id: String::new(),
                session: String::new(),
                search_id: String::new(),
                image_id: 0,
                position: 0,
                at: 0.0,
            })),
            json!(Event::Audit(Audit {
                event_id: String::new(),
                session: String::new(),
                search_id: String::new(),
                epoch: 0,
                recall_estimate: 0.0,
                at: 0.0,
            })),
        ];
        for value in &wire {
            for (name, field) in value.as_object().unwrap() {
                if name == "type" {
                    let kind = format!("\"type\": {field}");
                    assert!(text.contains(&kind), "{kind} is missing in\n{text}");
                } else {
                    let plain = format!("{name}: ");
                    let quoted = format!("\"{name}\": ");
                    assert!(
                        text.contains(&plain) || text.contains(&quoted),
                        "{name} is missing in\n{text}"
                    );
                }
            }
        }
        assert!(!text.contains("bigint"));
    }
}
