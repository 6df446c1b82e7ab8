//! JSON ⇄ the manifest: the one file that changes, and names everything else by content hash.
//!
//! It is text so that an operator can read it, and carries a `check` over its own values, so that a
//! damaged manifest is refused like a damaged segment; whitespace and unknown fields do not matter
//! to it beyond what they say. There is no clock in it: the same input gives the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::names::{content_name, refuse_html};
use super::numbers::read_u64;
use super::{DIMENSION_LIMIT, FORMAT, FileRef, IndexError};
use crate::quantize::Metric;

/// The name under which errors speak of it.
pub(super) const NAME: &str = "manifest.json";
const CHECK: &str = "check";

/// What an epoch consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format, [`FORMAT`] for what this program writes.
    pub format: u32,
    /// Counts up by one with every publication; a browser never goes back.
    pub epoch: u64,
    /// Content name of the manifest that this epoch grew out of.
    pub parent: Option<String>,
    /// Length of a vector.
    pub dimension: usize,
    /// What makes two vectors near; said where it is not the cosine. A reader that does not know the field is stopped by the routing.
    #[serde(default, skip_serializing_if = "Metric::is_cosine")]
    pub metric: Metric,
    /// How much there is of everything.
    pub counts: Counts,
    /// The model that made the vectors; absent when they were made elsewhere.
    pub model: Option<ModelRef>,
    /// Centroids and cell table.
    pub routing: FileRef,
    /// The cells' rows, by segment number.
    pub segments: Vec<FileRef>,
    /// Metadata; file `i` holds the pictures from id `records_from[i]` up to the next file's.
    pub records: Vec<FileRef>,
    /// First id of each file in `records`, ascending.
    pub records_from: Vec<u32>,
    /// The next cell gets this id: ids are never used twice over the epochs of an index.
    pub next_cell_id: u32,
}

/// How much an epoch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub pictures: u64,
    pub cells: u32,
    /// Pieces of cells beside their bases.
    #[serde(default, skip_serializing_if = "is_none")]
    pub pieces: u32,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

/// The model that turns a visitor's picture into a vector of this index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// Vectors of different generations must not be compared unless the sidecar says so.
    pub generation: String,
    /// Whether the network is plain, so that a page loads the module that has no general runtime. Manifests of
    /// earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<bool>,
    /// `model.json`.
    pub sidecar: FileRef,
    /// The network.
    pub onnx: FileRef,
}

impl ModelRef {
    /// Whether it is the same model, whatever is known of it.
    pub fn is_same(&self, other: &Self) -> bool {
        self.generation == other.generation
            && self.sidecar == other.sidecar
            && self.onnx == other.onnx
    }
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        refuse_html(NAME, bytes)?;
        let damaged = |error: serde_json::Error| {
            IndexError::inconsistent(NAME, format!("it is no manifest ({error})"))
        };
        let mut value: Value = serde_json::from_slice(bytes).map_err(damaged)?;
        // The version comes first: everything after it may mean something else in a later format.
        let format = value.get("format").and_then(Value::as_u64);
        match format {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(IndexError::Newer {
                    name: NAME.to_owned(),
                    what: format!("format {format}"),
                });
            }
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(IndexError::Outdated {
                    name: NAME.to_owned(),
                    format: format as u32,
                });
            }
            None => return Err(IndexError::inconsistent(NAME, "it states no format")),
        }
        let stated = value
            .as_object_mut()
            .and_then(|object| object.remove(CHECK));
        if stated.as_ref().and_then(Value::as_str) != Some(check(&value).as_str()) {
            return Err(IndexError::Checksum {
                name: NAME.to_owned(),
                part: "manifest".to_owned(),
            });
        }
        let manifest: Self = serde_json::from_value(value).map_err(damaged)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Writes it, readable, in an order that does not vary.
    pub fn to_json(&self) -> String {
        // Numbers, strings and lists only: neither call can fail for any manifest.
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.truncate(text.trim_end_matches('}').trim_end().len());
        text.push_str(&format!(",\n  \"{CHECK}\": \"{}\"\n}}\n", check(&value)));
        text
    }

    /// The content name of this manifest, which the next epoch states as its parent.
    pub fn name(&self) -> String {
        content_name("manifest", self.to_json().as_bytes(), "json")
    }

    /// Every file that the epoch consists of, the model's too, in the order to fetch them.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        let model = self
            .model
            .iter()
            .flat_map(|model| [&model.sidecar, &model.onnx]);
        std::iter::once(&self.routing)
            .chain(&self.segments)
            .chain(&self.records)
            .chain(model)
    }

    fn validate(&self) -> Result<(), IndexError> {
        let wrong = |what: String| Err(IndexError::inconsistent(NAME, what));
        if self.dimension == 0 || self.dimension > DIMENSION_LIMIT {
            return wrong(format!(
                "dimension {} is not in 1..={DIMENSION_LIMIT}",
                self.dimension
            ));
        }
        if self.counts.cells == 0 || self.segments.is_empty() {
            return wrong("it names no cells".to_owned());
        }
        let slots = u64::from(self.counts.cells) + u64::from(self.counts.pieces);
        if self.segments.len() as u64 > slots {
            return wrong(format!(
                "{} segments for {} cells and {} pieces",
                self.segments.len(),
                self.counts.cells,
                self.counts.pieces
            ));
        }
        if self.records.len() != self.records_from.len() {
            let (files, ids) = (self.records.len(), self.records_from.len());
            return wrong(format!("{files} files of records but {ids} first ids"));
        }
        if !self.records_from.is_sorted_by(|a, b| a < b) {
            return wrong("the first ids of the records do not ascend".to_owned());
        }
        let mut seen = BTreeMap::new();
        for file in self.files() {
            file.check(NAME)?;
            if seen.insert(file.name.as_str(), ()).is_some() {
                return wrong(format!("{} is named twice", file.name));
            }
        }
        Ok(())
    }
}

/// A digest of the values, whatever the order of fields and the whitespace between them.
fn check(value: &Value) -> String {
    fn walk(value: &Value, hasher: &mut blake3::Hasher) {
        match value {
            Value::Object(fields) => {
                let sorted: BTreeMap<&str, &Value> = fields
                    .iter()
                    .map(|(key, item)| (key.as_str(), item))
                    .collect();
                hasher
                    .update(b"{")
                    .update(&(sorted.len() as u64).to_le_bytes());
                for (key, item) in sorted {
                    hasher
                        .update(&(key.len() as u64).to_le_bytes())
                        .update(key.as_bytes());
                    walk(item, hasher);
                }
            }
            Value::Array(items) => {
                hasher
                    .update(b"[")
                    .update(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| walk(item, hasher));
            }
            Value::String(text) => {
                hasher
                    .update(b"\"")
                    .update(&(text.len() as u64).to_le_bytes())
                    .update(text.as_bytes());
            }
            plain => {
                let text = plain.to_string();
                hasher
                    .update(b".")
                    .update(&(text.len() as u64).to_le_bytes())
                    .update(text.as_bytes());
            }
        }
    }
    let mut hasher = blake3::Hasher::new();
    walk(value, &mut hasher);
    format!("{:016x}", read_u64(hasher.finalize().as_bytes(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        Manifest {
            format: FORMAT,
            epoch: 3,
            parent: Some("manifest-0.json".to_owned()),
            dimension: 128,
            metric: Metric::Cosine,
            counts: Counts {
                pictures: 10,
                cells: 2,
                pieces: 0,
            },
            model: Some(ModelRef {
                generation: "g1".to_owned(),
                plain: Some(true),
                sidecar: FileRef::of("model/", b"{}", "json"),
                onnx: FileRef::of("model/", b"onnx", "onnx"),
            }),
            routing: FileRef::of("routing", b"r", "nsr"),
            segments: vec![FileRef::of("cells", b"c", "nss")],
            records: vec![FileRef::of("records", b"d", "nsd")],
            records_from: vec![0],
            next_cell_id: 7,
        }
    }

    #[test]
    fn what_was_written_is_read_and_written_alike() {
        let text = sample().to_json();
        let read = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(read, sample());
        assert_eq!(read.to_json(), text);
        assert_eq!(
            read.name(),
            content_name("manifest", text.as_bytes(), "json")
        );
        assert_eq!(read.files().count(), 5);
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_nothing() {
        let text = sample().to_json();
        for at in 0..text.len() {
            for mask in [0x01, 0x04, 0x10, 0x20, 0xff] {
                let mut broken = text.clone().into_bytes();
                broken[at] ^= mask;
                if let Ok(read) = Manifest::parse(&broken) {
                    assert_eq!(read, sample(), "byte {at} ^ {mask:#x}");
                }
            }
        }
        for length in 0..text.trim_end().len() {
            assert!(
                Manifest::parse(&text.as_bytes()[..length]).is_err(),
                "cut at {length}"
            );
        }
    }

    #[test]
    fn fields_may_come_in_any_order() {
        let text = sample().to_json();
        let value: Value = serde_json::from_str(&text).unwrap();
        let mut fields: Vec<String> = value
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, item)| format!("{key:?}:{item}"))
            .collect();
        fields.reverse();
        assert_eq!(
            Manifest::parse(format!("{{{}}}", fields.join(",")).as_bytes()).unwrap(),
            sample()
        );
    }

    #[test]
    fn a_manifest_that_does_not_say_whether_its_model_is_plain_stays_as_it_is() {
        let mut earlier = sample();
        earlier.model.as_mut().unwrap().plain = None;
        let text = earlier.to_json();
        assert!(!text.contains("plain"));
        let read = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(read.name(), earlier.name());
        let (earlier, now) = (read.model.unwrap(), sample().model.unwrap());
        assert!(earlier != now && earlier.is_same(&now));
    }

    #[test]
    fn a_later_format_is_newer_whatever_else_it_holds() {
        let error = Manifest::parse(br#"{"format": 99, "routes": []}"#).unwrap_err();
        assert_eq!(error.code(), "index_newer");
        assert!(error.to_string().contains("update nearsight"), "{error}");
    }

    #[test]
    fn impossible_values_are_refused() {
        let spoil: [fn(&mut Manifest); 7] = [
            |m| m.dimension = 0,
            |m| m.dimension = DIMENSION_LIMIT + 1,
            |m| m.counts.cells = 0,
            |m| m.segments.clear(),
            |m| m.records_from = vec![],
            |m| m.routing.name = format!("../routing-{}.nsr", "0".repeat(32)),
            |m| m.records = m.segments.clone(),
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut manifest = sample();
            spoil(&mut manifest);
            assert!(
                Manifest::parse(manifest.to_json().as_bytes()).is_err(),
                "case {number}"
            );
        }
    }
}
