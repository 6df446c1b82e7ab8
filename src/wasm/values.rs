//! The plain objects that cross, and their TypeScript.

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::error::Failure;
use crate::index::{FileRange, Record};
use crate::quantize::Metric;
use crate::search::{Answer, SearchError, SearchOptions, nearly_the_same};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export type Metric = "cosine" | "euclidean";
export interface FileRef { readonly name: string; readonly bytes: number }
export interface ModelFiles { readonly generation: string; readonly plain?: boolean; readonly sidecar: FileRef; readonly onnx: FileRef }
export interface Options {
  readonly k: number;
  readonly recall: number;
  readonly minScore: number | null;
  readonly exact: boolean;
  /** True: leave out near-duplicates of better hits; a number: from this cosine on, or of an index by distance, up to this distance. */
  readonly distinct: boolean | number;
  /** Needs the records. */
  readonly perOwner: number | null;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly private: boolean;
  /** Ids to leave out. */
  readonly without: readonly number[];
}
export interface FoundHit { readonly id: number; readonly score: number; readonly distance: number; readonly cell: number }
export interface Answer {
  readonly hits: readonly FoundHit[];
  readonly probed: readonly number[];
  readonly scanned: number;
  readonly confidence: number;
  readonly capped: boolean;
}
/** Of a file the bytes from `offset` on; without an offset all of it. */
export interface FileRange { readonly name: string; readonly offset: number | null; readonly bytes: number }
/** Either an answer, or what must be supplied before there is one. */
export interface SearchReply { readonly answer: Answer | null; readonly need: readonly FileRange[] }
export interface IndexRecord {
  readonly id: number;
  readonly key: string;
  readonly path: string;
  readonly title: string | null;
  readonly url: string | null;
  readonly thumb: string | null;
  readonly width: number;
  readonly height: number;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly uploaded: string | null;
  readonly private: boolean;
}
"#;

/// What a search is asked for.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Options {
    pub(super) k: usize,
    pub(super) recall: f32,
    pub(super) min_score: Option<f32>,
    pub(super) exact: bool,
    pub(super) distinct: Distinct,
    pub(super) per_owner: Option<u32>,
    pub(super) tags: Vec<String>,
    pub(super) owner: Option<String>,
    pub(super) private: bool,
    pub(super) without: Vec<u32>,
}

/// Whether near-duplicates go, or the cosine from which on they do.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Distinct {
    Whether(bool),
    From(f32),
}

impl Default for Options {
    fn default() -> Self {
        let options = SearchOptions::default();
        Self {
            k: options.k,
            recall: options.recall,
            min_score: options.min_score,
            exact: options.exact,
            distinct: Distinct::Whether(false),
            per_owner: options.per_owner,
            tags: Vec::new(),
            owner: None,
            private: false,
            without: Vec::new(),
        }
    }
}

impl Options {
    pub(super) fn search_options(&self, metric: Metric) -> Result<SearchOptions, SearchError> {
        Ok(SearchOptions {
            k: self.k,
            recall: self.recall,
            min_score: self.min_score,
            exact: self.exact,
            distinct: match self.distinct {
                Distinct::Whether(false) => None,
                Distinct::Whether(true) => Some(nearly_the_same(metric)?),
                Distinct::From(limit) => Some(limit),
            },
            per_owner: self.per_owner,
            ..SearchOptions::default()
        })
    }
}

#[derive(Serialize)]
pub(super) struct FoundHit {
    id: u32,
    score: f32,
    distance: f32,
    cell: u32,
}

#[derive(Serialize)]
pub(super) struct Found {
    hits: Vec<FoundHit>,
    probed: Vec<u32>,
    scanned: u64,
    confidence: f32,
    capped: bool,
}

impl From<Answer> for Found {
    fn from(answer: Answer) -> Self {
        let hit = |hit: crate::search::Hit| FoundHit {
            id: hit.id,
            score: hit.score,
            distance: hit.distance,
            cell: hit.cell,
        };
        Self {
            hits: answer.hits.into_iter().map(hit).collect(),
            probed: answer.probed,
            scanned: answer.scanned,
            confidence: answer.confidence,
            capped: answer.capped,
        }
    }
}

/// An answer, or what must be supplied first.
#[derive(Serialize)]
pub(super) struct SearchReply {
    pub(super) answer: Option<Found>,
    pub(super) need: Vec<FileRange>,
}

/// A record with every field present: absent ones are null, as the page's type says.
#[derive(Serialize)]
pub(super) struct IndexRecord {
    id: u32,
    key: String,
    path: String,
    title: Option<String>,
    url: Option<String>,
    thumb: Option<String>,
    width: u32,
    height: u32,
    tags: Vec<String>,
    owner: Option<String>,
    uploaded: Option<String>,
    private: bool,
}

impl From<Record> for IndexRecord {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            key: record.key,
            path: record.path,
            title: record.title,
            url: record.url,
            thumb: record.thumb,
            width: record.width,
            height: record.height,
            tags: record.tags,
            owner: record.owner,
            uploaded: record.uploaded,
            private: record.private,
        }
    }
}

impl IndexRecord {
    /// What a page may know of a picture that the index holds no record of.
    pub(super) fn bare(id: u32) -> Self {
        Record {
            id,
            ..Record::default()
        }
        .into()
    }
}

/// A value → plain JavaScript, with null for what is absent.
pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    Ok(value.serialize(&serializer).map_err(Failure::from)?)
}
