//! An index for JavaScript: supplied file by file, searched, and advanced to the next epoch.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::allowed::{Allowed, LastAllowed};
use super::error::Failure;
use super::owners::{LastOwners, OwnerOf};
use super::values::{IndexRecord, Options, SearchReply, to_js};
use crate::index::{FileRef, Index, IndexError, Manifest, ModelRef};
use crate::search::{Passing, Query, Step};

/// One epoch, as far as its files have been supplied.
#[wasm_bindgen(js_name = Index)]
pub struct IndexHandle {
    index: Index,
    last_allowed: LastAllowed,
    last_owners: LastOwners,
}

#[wasm_bindgen(js_class = Index)]
impl IndexHandle {
    /// Starts with a manifest; everything that it names is missing.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &[u8]) -> Result<IndexHandle, JsValue> {
        Ok(Self::of(Index::open(manifest).map_err(Failure::from)?))
    }

    /// The next epoch, sharing with this one all that has not changed.
    pub fn advance(&self, manifest: &[u8]) -> Result<IndexHandle, JsValue> {
        Ok(Self::of(
            self.index.advance(manifest).map_err(Failure::from)?,
        ))
    }

    /// Files that have not been supplied: routing, segments, records.
    #[wasm_bindgen(unchecked_return_type = "FileRef[]")]
    pub fn missing(&self) -> Result<JsValue, JsValue> {
        to_js(&self.index.missing())
    }

    /// Those of them without which no search can begin.
    #[wasm_bindgen(unchecked_return_type = "FileRef[]")]
    pub fn missing_routing(&self) -> Result<JsValue, JsValue> {
        let missing = self
            .index
            .routing()
            .is_none()
            .then(|| self.index.manifest().routing.clone());
        to_js(&missing.into_iter().collect::<Vec<FileRef>>())
    }

    /// Those of them that hold vectors.
    #[wasm_bindgen(unchecked_return_type = "FileRef[]")]
    pub fn missing_vectors(&self) -> Result<JsValue, JsValue> {
        to_js(&self.index.missing_for_search())
    }

    /// Those of them that hold records.
    #[wasm_bindgen(unchecked_return_type = "FileRef[]")]
    pub fn missing_records(&self) -> Result<JsValue, JsValue> {
        let records = &self.index.manifest().records;
        let missing = self
            .index
            .missing()
            .into_iter()
            .filter(|file| records.contains(file));
        to_js(&missing.collect::<Vec<FileRef>>())
    }

    /// What to fetch for the records of these pictures.
    #[wasm_bindgen(unchecked_return_type = "FileRange[]")]
    pub fn missing_records_of(&self, ids: &[u32]) -> Result<JsValue, JsValue> {
        to_js(&self.index.record_ranges(ids))
    }

    /// Takes in a file, after checking it against the hash in its name.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), JsValue> {
        self.index.supply(name, bytes).map_err(Failure::from)?;
        self.last_allowed.forget();
        self.last_owners.forget();
        Ok(())
    }

    /// Takes in a range of a segment or of a file of records, after checking every part in it.
    pub fn supply_range(&mut self, name: &str, offset: f64, bytes: &[u8]) -> Result<(), JsValue> {
        self.index
            .supply_range(name, offset as u64, bytes)
            .map_err(Failure::from)?;
        Ok(())
    }

    /// Whether these are the bytes that the manifest means by this name, for the model's files.
    pub fn verifies(&self, name: &str, bytes: &[u8]) -> bool {
        self.manifest()
            .files()
            .any(|file| file.name == name && file.verify(bytes).is_ok())
    }

    #[wasm_bindgen(unchecked_return_type = "ModelFiles | null")]
    pub fn model(&self) -> Result<JsValue, JsValue> {
        let model: Option<&ModelRef> = self.manifest().model.as_ref();
        to_js(&model)
    }

    #[wasm_bindgen(getter)]
    pub fn epoch(&self) -> f64 {
        self.index.epoch() as f64
    }

    #[wasm_bindgen(getter)]
    pub fn pictures(&self) -> f64 {
        self.manifest().counts.pictures as f64
    }

    #[wasm_bindgen(getter)]
    pub fn cells(&self) -> u32 {
        self.manifest().counts.cells
    }

    #[wasm_bindgen(getter)]
    pub fn dimension(&self) -> u32 {
        self.manifest().dimension as u32
    }

    /// What makes two of its vectors near: `cosine` or `euclidean`.
    #[wasm_bindgen(getter, unchecked_return_type = "Metric")]
    pub fn metric(&self) -> String {
        self.manifest().metric.name().to_owned()
    }

    /// Searches for a vector: an answer, or what must be supplied first. A search that
    /// needed something begins anew with them, which costs a fraction of fetching it.
    #[wasm_bindgen(unchecked_return_type = "SearchReply")]
    pub fn search(
        &self,
        vector: &[f32],
        #[wasm_bindgen(unchecked_param_type = "Options")] options: JsValue,
        allowed: Option<Vec<u8>>,
    ) -> Result<JsValue, JsValue> {
        let options: Options = serde_wasm_bindgen::from_value(options).map_err(Failure::from)?;
        Ok(to_js(&self.answer(vector, &options, allowed)?)?)
    }

    /// Whether a picture was removed, so that no file holds what a search for it needs.
    pub fn is_removed(&self, id: u32) -> bool {
        self.index.is_removed(id)
    }

    /// The vector of a picture as the index holds it, of unit length where the angle counts; nothing where it is not known.
    pub fn vector_of(&self, id: u32) -> Option<Vec<f32>> {
        self.index.vector(id)
    }

    /// What is known of a picture.
    #[wasm_bindgen(unchecked_return_type = "IndexRecord")]
    pub fn record(&self, id: u32) -> Result<JsValue, JsValue> {
        to_js(
            &self
                .index
                .record(id)
                .map_or_else(|| IndexRecord::bare(id), IndexRecord::from),
        )
    }

    /// What is known of all pictures whose records have been supplied.
    #[wasm_bindgen(unchecked_return_type = "IndexRecord[]")]
    pub fn records(&self) -> Result<JsValue, JsValue> {
        to_js(
            &self
                .index
                .records()
                .map(IndexRecord::from)
                .collect::<Vec<_>>(),
        )
    }
}

impl IndexHandle {
    fn of(index: Index) -> Self {
        Self {
            index,
            last_allowed: LastAllowed::default(),
            last_owners: LastOwners::default(),
        }
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// The pictures that satisfy the conditions of a search.
    pub(super) fn allowed(&self, options: &Options) -> Rc<Allowed> {
        self.last_allowed.of(&self.index, options)
    }

    /// The rows that satisfy them, where that can be told.
    pub(super) fn passing(&self, allowed: &Rc<Allowed>) -> Option<Rc<Passing>> {
        self.last_allowed.passing(&self.index, allowed)
    }

    /// Whose the pictures are, where a search asks for it.
    pub(super) fn owners(&self, options: &Options) -> Rc<OwnerOf> {
        match options.per_owner {
            Some(_) => self.last_owners.of(&self.index),
            None => Rc::default(),
        }
    }

    fn manifest(&self) -> &Manifest {
        self.index.manifest()
    }

    fn answer(
        &self,
        vector: &[f32],
        options: &Options,
        bits: Option<Vec<u8>>,
    ) -> Result<SearchReply, Failure> {
        let routing = self.index.routing().ok_or_else(|| IndexError::Missing {
            name: self.manifest().routing.name.clone(),
        })?;
        let allowed = match bits {
            Some(bits) => self.last_allowed.of_bits(bits),
            None => self.allowed(options),
        };
        let passing = self.passing(&allowed);
        let passes = |id: u32| allowed.contains(id) && !options.without.contains(&id);
        let owners = self.owners(options);
        let owner = |id: u32| owners.get(&id).cloned();
        let wanted = options.search_options(routing.metric())?;
        let mut query = Query::new(routing, vector, wanted)?.with_owners(&owner);
        if !(allowed.is_everything() && options.without.is_empty()) {
            query = query.with_filter(&passes);
        }
        if let Some(passing) = &passing {
            query = query.with_passing(passing);
        }
        Ok(match query.step(&self.index)? {
            Step::Done(answer) => SearchReply {
                answer: Some(answer.into()),
                need: Vec::new(),
            },
            Step::Need(parts) => SearchReply {
                answer: None,
                need: self.index.ranges(&parts),
            },
        })
    }
}
