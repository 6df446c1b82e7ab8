//! The files: container, routing, segments, records, manifest; nothing but bytes ⇄ values.
