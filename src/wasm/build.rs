//! Vectors → an index, in the browser: the files that `nearsight build --vectors` would write of them.
//!
//! It runs until it is done; whoever wants to stop it ends the worker. What it tells on the way goes through a function.

use js_sys::Function;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::error::Failure;
use crate::build::assemble::{AssembleError, Assembled, Encoding, InMemory};
use crate::build::{FreshStep, fresh, made_comparable};
use crate::partition::{Alone, PartitionOptions, Progress, Rows, Stage};
use crate::quantize::{CodeBits, Metric};

const MANIFEST: &str = "manifest.json";

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface BuildSettings {
  /** About so many cells; null: as many as make a query cheapest. */
  readonly cells: number | null;
  readonly seed: number;
  /** Width of a code: 9, 6 or 5. */
  readonly bits: number;
  readonly metric: "cosine" | "euclidean";
}
export type BuildStage = "cluster" | "join" | "balance" | "refine" | "connect" | "encode" | "calibrate";
"#;

#[derive(Deserialize)]
struct Settings {
    cells: Option<u32>,
    seed: u32,
    bits: u32,
    #[serde(default)]
    metric: Metric,
}

/// The files of an index that was built; JavaScript takes them one by one and then frees it.
#[wasm_bindgen]
pub struct Built {
    files: Vec<(String, Vec<u8>)>,
    cells: u32,
}

#[wasm_bindgen]
impl Built {
    /// Names, the manifest's first.
    #[wasm_bindgen(getter)]
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|(name, _)| name.clone()).collect()
    }

    /// How many cells it has.
    #[wasm_bindgen(getter)]
    pub fn cells(&self) -> u32 {
        self.cells
    }

    /// The bytes of a file, which is let go; nothing where there is none of that name any more.
    pub fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        let place = self.files.iter().position(|(own, _)| own == name)?;
        Some(self.files.swap_remove(place).1)
    }
}

/// Builds an index of rows of `dimension` numbers; row `i` is picture `ids[i]`, or `i` without ids. `watch` hears the stage, what is
/// done of it and of how much.
#[wasm_bindgen]
pub fn build_index(
    mut values: Vec<f32>,
    dimension: u32,
    ids: Option<Vec<u32>>,
    #[wasm_bindgen(unchecked_param_type = "BuildSettings")] settings: JsValue,
    #[wasm_bindgen(
        unchecked_param_type = "(stage: BuildStage, done: number, total: number) => void"
    )]
    watch: &Function,
) -> Result<Built, JsValue> {
    let settings: Settings = serde_wasm_bindgen::from_value(settings).map_err(Failure::from)?;
    let bits = CodeBits::new(settings.bits).ok_or_else(|| {
        let found = settings.bits;
        Failure::new(
            "options_invalid",
            format!("codes of {found} bits are not known; expected 9, 6 or 5"),
        )
    })?;
    let partition = PartitionOptions {
        cells: settings.cells,
        seed: u64::from(settings.seed),
        ..PartitionOptions::default()
    };
    let metric = settings.metric;
    let encoding = Encoding {
        metric: Some(metric),
        bits: Some(bits),
        workers: &Alone,
        scratch: &InMemory,
        whole: false,
    };
    let mut tell = |step: FreshStep| {
        let (stage, done, total) = words(step);
        // A listener that throws is not this room's.
        let _ = watch.call3(
            &JsValue::NULL,
            &stage.into(),
            &(done as f64).into(),
            &(total as f64).into(),
        );
    };
    let made = Rows::new(&values, dimension as usize)
        .map(drop)
        .map_err(AssembleError::from)
        .and_then(|()| made_comparable(&mut values, dimension as usize, metric))
        .and_then(|()| {
            let rows = Rows::new(&values, dimension as usize)?;
            let ids = ids.unwrap_or_else(|| (0..rows.len() as u32).collect());
            fresh(rows, &ids, &partition, &encoding, &mut tell)
        })
        .map_err(Failure::from)?;
    // In memory, as an encoding without scratch of its own leaves them.
    let Assembled {
        manifest, files, ..
    } = made.assembled;
    let own = (MANIFEST.to_owned(), manifest.to_json().into_bytes());
    Ok(Built {
        files: std::iter::once(own).chain(files).collect(),
        cells: manifest.counts.cells,
    })
}

fn words(step: FreshStep) -> (&'static str, u64, u64) {
    let (stage, done, total) = match step {
        FreshStep::Encode => return ("encode", 0, 1),
        FreshStep::Calibrate => return ("calibrate", 0, 1),
        FreshStep::Partition(Progress { stage, done, total }) => (stage, done, total),
    };
    let stage = match stage {
        Stage::Cluster => "cluster",
        Stage::Join => "join",
        Stage::Balance => "balance",
        Stage::Refine => "refine",
        Stage::Connect => "connect",
    };
    (stage, done, total)
}
