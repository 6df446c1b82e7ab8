//! What a page reports: impressions, clicks and audits, one Rust type for all who read or write them.
//!
//! The TypeScript type of the client is printed from these declarations ([`super::typescript`]), so
//! the page and the server cannot drift apart: a test compares the file in `www/client` with them.
//! Positions count from 0. Ids are opaque and random; nothing here says who or where a visitor is.

use serde::{Deserialize, Serialize};

/// One event. On the wire the field `type` says which: `impression`, `click` or `audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(ts_rs::TS))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    ts(tag = "type", rename_all = "snake_case")
)]
pub enum Event {
    Impression(Impression),
    Click(Click),
    Audit(Audit),
}

/// A search was answered and its hits were shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(target_arch = "wasm32"), derive(ts_rs::TS))]
pub struct Impression {
    /// Random, unique: an event that arrives twice is counted once.
    pub event_id: String,
    /// Random, rotated daily by the page, not linkable to a person.
    pub session: String,
    pub search_id: String,
    /// The epoch that answered.
    pub epoch: u64,
    /// What was searched for, when it may be told: `null` for a visitor's own picture.
    pub query: Option<Query>,
    pub shown: Vec<Shown>,
    /// The cells opened, by stable id, in the order of opening.
    pub probed: Vec<u32>,
    /// Rows whose code was read.
    pub scanned: u64,
    pub took_ms: f64,
    /// Milliseconds since 1970, by the visitor's clock.
    pub at: f64,
}

/// What a search was for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(ts_rs::TS))]
#[cfg_attr(not(target_arch = "wasm32"), ts(rename_all = "snake_case"))]
pub enum Query {
    /// A picture of the index ("more like this").
    ImageId(u32),
    /// The visitor's vector, with their consent: base64 of one signed byte a dimension.
    Embedding(String),
}

/// A hit as it stood on the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(target_arch = "wasm32"), derive(ts_rs::TS))]
pub struct Shown {
    pub image_id: u32,
    /// From 0.
    pub position: u32,
    /// The cell that gave the hit, by stable id.
    pub cell: u32,
}

/// A hit was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(target_arch = "wasm32"), derive(ts_rs::TS))]
pub struct Click {
    pub event_id: String,
    pub session: String,
    /// The impression's `search_id`.
    pub search_id: String,
    pub image_id: u32,
    pub position: u32,
    pub at: f64,
}

/// A search was answered again, exactly or with a wider probe, and compared with what was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(target_arch = "wasm32"), derive(ts_rs::TS))]
pub struct Audit {
    pub event_id: String,
    pub session: String,
    pub search_id: String,
    pub epoch: u64,
    /// Share of the wider answer that the shown answer held, 0 to 1.
    pub recall_estimate: f64,
    pub at: f64,
}

impl Event {
    /// The id that makes the event unique.
    pub fn event_id(&self) -> &str {
        match self {
            Event::Impression(event) => &event.event_id,
            Event::Click(event) => &event.event_id,
            Event::Audit(event) => &event.event_id,
        }
    }

    pub fn session(&self) -> &str {
        match self {
            Event::Impression(event) => &event.session,
            Event::Click(event) => &event.session,
            Event::Audit(event) => &event.session,
        }
    }

    pub fn search_id(&self) -> &str {
        match self {
            Event::Impression(event) => &event.search_id,
            Event::Click(event) => &event.search_id,
            Event::Audit(event) => &event.search_id,
        }
    }

    /// The epoch that answered; a click names none, its search does.
    pub fn epoch(&self) -> Option<u64> {
        match self {
            Event::Impression(event) => Some(event.epoch),
            Event::Audit(event) => Some(event.epoch),
            Event::Click(_) => None,
        }
    }

    /// Milliseconds since 1970, by the visitor's clock.
    pub fn at(&self) -> f64 {
        match self {
            Event::Impression(event) => event.at,
            Event::Click(event) => event.at,
            Event::Audit(event) => event.at,
        }
    }

    /// `impression`, `click` or `audit`, as on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Impression(_) => "impression",
            Event::Click(_) => "click",
            Event::Audit(_) => "audit",
        }
    }
}
