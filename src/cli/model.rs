//! The flags that choose a model and bound what a picture may cost; shared by `build` and `embed`.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::output::Output;
use crate::build::{BuildError, Model, Projecting};
use crate::embed::Projection;
use crate::image::Limits;

#[derive(Args)]
pub struct ModelArguments {
    /// ONNX file to embed with; its sidecar is FILE.json or model.json beside it [default: built in]
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    /// Write what was inferred about a model without sidecar to FILE.json
    #[arg(long, requires = "model")]
    save_sidecar: bool,
}

impl ModelArguments {
    pub fn is_built_in(&self) -> bool {
        self.model.is_none()
    }

    pub fn read(&self, output: &Output) -> Result<Model, BuildError> {
        let Some(file) = &self.model else {
            return Model::built_in();
        };
        let model = Model::read(file, self.save_sidecar)?;
        if !model.assumed.is_empty() {
            output.note(&format!("{} has no sidecar; assumed:", file.display()));
            for assumed in &model.assumed {
                output.note(&format!("  {assumed}"));
            }
            output.note(&match &model.saved_sidecar {
                Some(path) => format!("written to {}; correct it there", path.display()),
                None => {
                    "--save-sidecar writes this to a file where it can be corrected".to_string()
                }
            });
        }
        Ok(model)
    }
}

#[derive(Args)]
pub struct ProjectionArguments {
    /// What a model's vectors go through before they are indexed: pca fits the axes of most variance of these pictures, partly
    /// whitened; none; or a file with a map made elsewhere [default: as the epoch before has it; in the first, pca to 64 numbers for the
    /// built-in model and 1,000 pictures or more, else none]
    #[arg(long, value_name = "pca|none|FILE.json")]
    projection: Option<PathBuf>,
    /// Numbers that are left of a vector by a projection of kind pca: fewer make a smaller index that finds a little less
    #[arg(long, value_name = "NUMBERS", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    dim: Option<usize>,
}

impl ProjectionArguments {
    /// `is_built_in`: whether the model is, whose usual projection is known.
    pub fn read(&self, is_built_in: bool) -> Result<Projecting, BuildError> {
        let dimension = self.dim;
        let Some(given) = &self.projection else {
            return Ok(match dimension {
                Some(_) => Projecting::Pca { dimension },
                None if is_built_in => Projecting::Usual,
                None => Projecting::AsBefore,
            });
        };
        match (given.to_str(), dimension) {
            (Some("pca"), _) => return Ok(Projecting::Pca { dimension }),
            (Some("none"), None) => return Ok(Projecting::None),
            (_, None) => {}
            (_, Some(_)) => {
                return Err(BuildError::ProjectionFixed(given.clone()));
            }
        }
        let text = fs::read(given).map_err(|source| BuildError::io("read", given, source))?;
        let projection = Projection::parse(&text).map_err(|error| BuildError::ModelBroken {
            path: given.clone(),
            found: error.to_string(),
        })?;
        Ok(Projecting::Given(projection))
    }
}

#[derive(Args)]
#[command(next_help_heading = "Limits (a picture beyond them is reported and left out)")]
pub struct LimitArguments {
    /// Length of a file in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().file_bytes)]
    limit_file_bytes: u64,
    /// Declared width in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = Limits::default().width)]
    limit_width: u32,
    /// Declared height in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = Limits::default().height)]
    limit_height: u32,
    /// Declared width times height
    #[arg(long, value_name = "PIXELS", default_value_t = Limits::default().pixels)]
    limit_pixels: u64,
    /// Memory that decoding one picture may take
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().allocation_bytes)]
    limit_allocation_bytes: u64,
}

impl LimitArguments {
    pub fn limits(&self) -> Limits {
        Limits {
            file_bytes: self.limit_file_bytes,
            width: self.limit_width,
            height: self.limit_height,
            pixels: self.limit_pixels,
            allocation_bytes: self.limit_allocation_bytes,
        }
    }
}
