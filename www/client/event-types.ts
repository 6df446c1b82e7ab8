// Printed from src/feedback/event.rs by `cargo test`; change it there.
// The test `the_typescript_file_is_what_the_rust_types_say` compares the two.

export type Query = { "image_id": number } | { "embedding": string };

export type Shown = { image_id: number, 
/**
 * From 0.
 */
position: number, 
/**
 * The cell that gave the hit, by stable id.
 */
cell: number, };

export type Impression = { 
/**
 * Random, unique: an event that arrives twice is counted once.
 */
event_id: string, 
/**
 * Random, rotated daily by the page, not linkable to a person.
 */
session: string, search_id: string, 
/**
 * The epoch that answered.
 */
epoch: number, 
/**
 * What was searched for, when it may be told: `null` for a visitor's own picture.
 */
query: Query | null, shown: Array<Shown>, 
/**
 * The cells opened, by stable id, in the order of opening.
 */
probed: Array<number>, 
/**
 * Rows whose code was read.
 */
scanned: number, took_ms: number, 
/**
 * Milliseconds since 1970, by the visitor's clock.
 */
at: number, };

export type Click = { event_id: string, session: string, 
/**
 * The impression's `search_id`.
 */
search_id: string, image_id: number, position: number, at: number, };

export type Audit = { event_id: string, session: string, search_id: string, epoch: number, 
/**
 * Share of the wider answer that the shown answer held, 0 to 1.
 */
recall_estimate: number, at: number, };

export type Event = { "type": "impression" } & Impression | { "type": "click" } & Click | { "type": "audit" } & Audit;
