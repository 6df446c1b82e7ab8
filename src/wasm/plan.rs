//! Searches of one kind, one after another: options cross once, vectors and answers as numbers.
//!
//! Turning options and an answer into objects costs several times what the search does; a page that searches
//! as its visitor types or scrolls, or a worker that makes objects of its own, calls these.

use wasm_bindgen::prelude::*;

use super::error::Failure;
use super::index::IndexHandle;
use super::values::Options;
use crate::index::IndexError;
use crate::search::{Query, Step};

/// The options of searches to come.
#[wasm_bindgen]
pub struct Plan {
    options: Options,
}

#[wasm_bindgen]
impl Plan {
    /// Takes what `search` takes; what is left out has its default: k 24, recall 0.95, no condition.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "Partial<Options>")] options: JsValue,
    ) -> Result<Plan, JsValue> {
        let options: Options = serde_wasm_bindgen::from_value(options).map_err(Failure::from)?;
        Ok(Self { options })
    }
}

#[wasm_bindgen(js_class = Index)]
impl IndexHandle {
    /// Searches an index that is all loaded. Gives the confidence, 1 if capped else 0, rows scanned, cells opened and the number
    /// of hits; then the id and the score of each hit, best first.
    pub fn nearest(&self, vector: &[f32], plan: &Plan) -> Result<Vec<f64>, JsValue> {
        Ok(self.numbers(vector, &plan.options)?)
    }
}

impl IndexHandle {
    fn numbers(&self, vector: &[f32], options: &Options) -> Result<Vec<f64>, Failure> {
        let index = self.index();
        let missing = |name: &str| IndexError::Missing {
            name: name.to_owned(),
        };
        let routing = index
            .routing()
            .ok_or_else(|| missing(&index.manifest().routing.name))?;
        let allowed = self.allowed(options);
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
        match query.step(index)? {
            Step::Done(answer) => {
                let mut numbers = Vec::with_capacity(5 + 2 * answer.hits.len());
                numbers.extend([
                    f64::from(answer.confidence),
                    f64::from(u8::from(answer.capped)),
                    answer.scanned as f64,
                    answer.probed.len() as f64,
                    answer.hits.len() as f64,
                ]);
                for hit in &answer.hits {
                    numbers.extend([f64::from(hit.id), f64::from(hit.score)]);
                }
                Ok(numbers)
            }
            Step::Need(parts) => {
                let ranges = index.ranges(&parts);
                let range = ranges.first();
                Err(missing(range.map_or("a segment", |range| &range.name)).into())
            }
        }
    }
}
