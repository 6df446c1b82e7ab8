//! What the last build went by ⇄ `.nearsight/build.json`.
//!
//! What it says of the epoch is struck out before the next is published and written after, so no build ever takes an epoch for
//! what it is not. Lost or damaged, the next build finds the cells anew.

use std::fs;

use std::path::PathBuf;

use super::BuildError;
use super::output::{Durable, Output, put};
use crate::partition::PartitionOptions;

const BUILD_FILE: &str = "build.json";
const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LastBuild {
    pub format: u32,
    /// Hash of all that went into the published epoch.
    pub input: String,
    /// The options of the last fresh partition, its pictures, and how many came and went since.
    pub partition: String,
    pub at_partition: u64,
    pub churn: u64,
    /// What of the last build an update goes by: its partition, the folder of its pictures, the side of its thumbnails.
    #[serde(default)]
    pub wanted: Option<PartitionOptions>,
    #[serde(default)]
    pub photos: Option<PathBuf>,
    #[serde(default)]
    pub thumbnail_side: Option<u32>,
}

impl Default for LastBuild {
    fn default() -> Self {
        Self {
            format: FORMAT,
            input: String::new(),
            partition: String::new(),
            at_partition: 0,
            churn: 0,
            wanted: None,
            photos: None,
            thumbnail_side: None,
        }
    }
}

impl LastBuild {
    pub fn read(output: &Output) -> Option<Self> {
        let text = fs::read(output.state().join(BUILD_FILE)).ok()?;
        serde_json::from_slice(&text)
            .ok()
            .filter(|last: &Self| last.format == FORMAT)
    }

    pub fn write(&self, output: &Output) -> Result<(), BuildError> {
        let text = serde_json::to_vec_pretty(self).expect("plain data");
        put(&output.state(), BUILD_FILE, &text, Durable::Now).map(drop)
    }
}

/// Until the next is written no build believes that the published epoch is what it would make; where its pictures come from stays known.
pub fn forget_input(output: &Output) -> Result<(), BuildError> {
    let Some(last) = LastBuild::read(output) else {
        let path = output.state().join(BUILD_FILE);
        return match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(BuildError::io("remove", &path, source))
            }
            _ => Ok(()),
        };
    };
    let forgotten = LastBuild {
        input: String::new(),
        partition: String::new(),
        ..last
    };
    forgotten.write(output)
}
