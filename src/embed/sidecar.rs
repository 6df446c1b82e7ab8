//! `model.json` bytes ⇄ what a network wants to be fed, gives, and must reproduce.

use serde::{Deserialize, Serialize};

use super::{EmbedError, Projection};
use crate::image::{Filter, Resize};
use crate::quantize::Metric;

/// The only reference pattern so far.
pub const TRIANGLES: &str = "triangles-1";

const FORMAT: u32 = 1;
/// Networks that take larger pictures are no embedders, and their memory would be unbounded.
const LARGEST_INPUT_SIDE: u32 = 2048;
const LARGEST_DIMENSION: usize = 1 << 16;

/// Everything beside the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    pub format: u32,
    pub name: String,
    /// Name of the ONNX file that lies beside it.
    pub file: String,
    /// Of the ONNX file, in hex. Kept for people and tools; an index names the file by a hash of its own.
    #[serde(default)]
    pub sha256: String,
    #[serde(default)]
    pub licence: String,
    /// Vectors of two generations are comparable only where `compatible_with` says so.
    pub generation: String,
    #[serde(default)]
    pub compatible_with: Vec<String>,
    pub input: Input,
    pub output: Output,
    /// Without it the network is used unchecked, and the embedder says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Applied to every vector; `reference` is what the network alone gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<Projection>,
}

/// How a picture is fed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    pub name: String,
    #[serde(rename = "type")]
    pub element: ElementType,
    pub layout: Layout,
    pub width: u32,
    pub height: u32,
    #[serde(default)]
    pub resize: Resize,
    #[serde(default)]
    pub filter: Filter,
    #[serde(default)]
    pub channels: Channels,
    /// Subtracted from values between 0 and 1, in the order of `channels`. Bytes are fed as they are.
    #[serde(default = "zeros")]
    pub mean: [f32; 3],
    /// Divides what is left. Bytes are fed as they are.
    #[serde(default = "ones")]
    pub std: [f32; 3],
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub name: String,
    pub dimension: usize,
    #[serde(default)]
    pub pooling: Pooling,
    /// Whether vectors are brought to unit length, so that their angle counts. Else they stay as long as the network makes them, and are
    /// near by their Euclidean distance.
    #[serde(default = "yes")]
    pub normalise: bool,
}

/// A picture that everybody can compute, and the vector that must come out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub pattern: String,
    pub output: Vec<f32>,
    pub min_cosine: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    Float32,
    Uint8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    #[serde(rename = "NCHW")]
    Nchw,
    #[serde(rename = "NHWC")]
    Nhwc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Channels {
    #[default]
    #[serde(rename = "RGB")]
    Rgb,
    #[serde(rename = "BGR")]
    Bgr,
}

/// What becomes of an output that has more than one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The output is the vector; sides of length one are dropped.
    #[default]
    None,
    /// The mean over all positions.
    Mean,
}

fn zeros() -> [f32; 3] {
    [0.0; 3]
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

fn yes() -> bool {
    true
}

fn invalid(reason: impl Into<String>) -> EmbedError {
    EmbedError::Sidecar {
        reason: reason.into(),
    }
}

impl Sidecar {
    pub fn parse(bytes: &[u8]) -> Result<Sidecar, EmbedError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        // The version first: a newer file may have another shape altogether.
        let version: Version =
            serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        if version.format != FORMAT {
            return Err(invalid(format!(
                "format {} was found, this version reads format {FORMAT}",
                version.format
            )));
        }
        let sidecar: Sidecar =
            serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        sidecar.check()?;
        Ok(sidecar)
    }

    /// The file's text: the same sidecar always gives the same bytes.
    pub fn to_json(&self) -> String {
        // One number a line would double the bytes of a projection.
        let text = match self.projection {
            Some(_) => serde_json::to_string(self),
            None => serde_json::to_string_pretty(self),
        };
        let mut text =
            text.unwrap_or_else(|error| unreachable!("plain data is always JSON: {error}"));
        text.push('\n');
        text
    }

    /// Numbers of a picture's vector: projected, where there is a projection.
    pub fn dimension(&self) -> usize {
        match &self.projection {
            Some(projection) => projection.output,
            None => self.output.dimension,
        }
    }

    /// What makes two of its vectors near.
    pub fn metric(&self) -> Metric {
        match self.output.normalise {
            true => Metric::Cosine,
            false => Metric::Euclidean,
        }
    }

    /// Whether the values make sense together.
    pub(super) fn check(&self) -> Result<(), EmbedError> {
        self.input.check()?;
        if !(1..=LARGEST_DIMENSION).contains(&self.output.dimension) {
            return Err(invalid(format!(
                "output.dimension is {}, expected 1 to {LARGEST_DIMENSION}",
                self.output.dimension
            )));
        }
        if self.file.is_empty()
            || self.file.starts_with('.')
            || self.file.contains(['/', '\\', '\0'])
        {
            return Err(invalid(format!(
                "file is {:?}, expected the plain name of the .onnx file beside it",
                self.file
            )));
        }
        if let Some(projection) = &self.projection {
            projection.check()?;
            if !self.output.normalise {
                return Err(invalid(
                    "output.normalise is false and there is a projection, which brings vectors to unit length; leave one of them out",
                ));
            }
            if projection.input != self.output.dimension {
                return Err(invalid(format!(
                    "projection.input is {}, output.dimension is {}",
                    projection.input, self.output.dimension
                )));
            }
        }
        match &self.reference {
            Some(reference) => check_reference(reference, &self.output),
            None => Ok(()),
        }
    }
}

impl Input {
    /// Whether the values make sense, and their memory is bounded.
    pub(super) fn check(&self) -> Result<(), EmbedError> {
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if !(1..=LARGEST_INPUT_SIDE).contains(&side) {
                return Err(invalid(format!(
                    "input.{name} is {side}, expected 1 to {LARGEST_INPUT_SIDE}"
                )));
            }
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            return Err(invalid("input.mean must be three finite numbers"));
        }
        if !self.std.iter().all(|std| std.is_finite() && *std != 0.0) {
            return Err(invalid(
                "input.std must be three finite numbers, none of them 0",
            ));
        }
        Ok(())
    }
}

fn check_reference(reference: &Reference, output: &Output) -> Result<(), EmbedError> {
    let dimension = output.dimension;
    if reference.pattern != TRIANGLES {
        return Err(invalid(format!(
            "reference.pattern is {:?}, this version knows {TRIANGLES:?}",
            reference.pattern
        )));
    }
    if reference.output.len() != dimension {
        return Err(invalid(format!(
            "reference.output has {} numbers, output.dimension is {dimension}",
            reference.output.len()
        )));
    }
    let square: f64 = reference
        .output
        .iter()
        .map(|&value| f64::from(value) * f64::from(value))
        .sum();
    if !(square.is_finite() && square > 0.0) {
        return Err(invalid(
            "reference.output must be finite numbers, not all of them 0",
        ));
    }
    if output.normalise && (square.sqrt() - 1.0).abs() > 1e-3 {
        return Err(invalid(format!(
            "reference.output has length {:.4}, expected 1",
            square.sqrt()
        )));
    }
    // Below 0.5 the check would pass for almost anything.
    if !(0.5..=1.0).contains(&reference.min_cosine) {
        return Err(invalid(format!(
            "reference.min_cosine is {}, expected 0.5 to 1",
            reference.min_cosine
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"{"format":1,"name":"n","file":"n.onnx","generation":"1",
        "input":{"name":"x","type":"uint8","layout":"NHWC","width":8,"height":4},
        "output":{"name":"y","dimension":2}}"#;

    #[test]
    fn what_is_written_is_read_again() {
        let sidecar = Sidecar::parse(LEAST.as_bytes()).unwrap();
        assert_eq!(sidecar.input.element, ElementType::Uint8);
        assert!(sidecar.output.normalise);
        let again = Sidecar::parse(sidecar.to_json().as_bytes()).unwrap();
        assert_eq!(again, sidecar);
        assert_eq!(again.to_json(), sidecar.to_json());
    }

    #[test]
    fn vectors_that_are_not_normalised_are_near_by_distance() {
        assert_eq!(
            Sidecar::parse(LEAST.as_bytes()).unwrap().metric(),
            Metric::Cosine
        );
        let text = LEAST.replace(r#""dimension":2"#, r#""dimension":2,"normalise":false"#);
        let long = text.replace(
            r#""generation":"1""#,
            r#""generation":"1","reference":{"pattern":"triangles-1","output":[30,40],"min_cosine":0.99}"#,
        );
        assert_eq!(
            Sidecar::parse(long.as_bytes()).unwrap().metric(),
            Metric::Euclidean
        );
        let unit = long.replace(r#""normalise":false"#, r#""normalise":true"#);
        let error = Sidecar::parse(unit.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("expected 1"), "{error}");
        let projected = text.replace(
            r#""generation":"1""#,
            r#""generation":"1","projection":{"format":1,"kind":"pca","input":2,"output":1,"matrix":[1,0],"offset":[0]}"#,
        );
        let error = Sidecar::parse(projected.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("output.normalise"), "{error}");
    }

    #[test]
    fn values_that_make_no_sense_are_refused_by_name() {
        let cases = [
            (r#""width":8"#, r#""width":0"#, "input.width"),
            (r#""width":8"#, r#""width":1000000"#, "input.width"),
            (r#""dimension":2"#, r#""dimension":0"#, "output.dimension"),
            (r#""file":"n.onnx""#, r#""file":"../n.onnx""#, "file"),
            (r#""format":1"#, r#""format":2"#, "format 2"),
            (r#""NHWC""#, r#""NWHC""#, "NWHC"),
            (r#""height":4"#, r#""height":4,"std":[1,0,1]"#, "input.std"),
            (
                r#""generation":"1""#,
                r#""generation":"1","reference":{"pattern":"triangles-1","output":[1],"min_cosine":0.99}"#,
                "reference.output",
            ),
            (
                r#""generation":"1""#,
                r#""generation":"1","reference":{"pattern":"triangles-1","output":[1,0],"min_cosine":0}"#,
                "reference.min_cosine",
            ),
        ];
        for (from, to, named) in cases {
            let text = LEAST.replacen(from, to, 1);
            assert_ne!(text, LEAST);
            let error = Sidecar::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "model_sidecar_invalid");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
