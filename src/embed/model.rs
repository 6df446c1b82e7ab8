//! ONNX bytes → a network that runs. The only file that knows tract's types beside `fold.rs`.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Side;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::optim::Optimizer;

use super::EmbedError;
use super::fold::fold_stored_weights;
use super::plain::{Answer, Plain};
use super::preprocess::{self, Values};
use super::sidecar::{ElementType, Input, Layout};
use crate::image::Picture;

/// No value inside a network may be larger: an embedder for a browser never comes near it.
const LARGEST_VALUE_BYTES: u64 = 512 << 20;

/// A network for one picture at a time.
#[derive(Debug)]
pub(super) enum Network {
    /// Of plain layers only: our own kernels run it.
    Plain(Plain),
    /// Any other.
    General(Arc<TypedRunnableModel>),
}

/// What a graph says about its input or output, before it is loaded.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) element: i32,
    /// `None`: symbolic or unknown.
    pub(super) shape: Vec<Option<i64>>,
}

/// The parsed file.
pub(super) struct Parsed {
    proto: ModelProto,
    pub(super) input: Declared,
    pub(super) outputs: Vec<Declared>,
}

fn broken(error: &TractError) -> EmbedError {
    let mut reason = error.root_cause().to_string();
    if reason.len() > 300 {
        let cut = (0..=300).rev().find(|&at| reason.is_char_boundary(at));
        reason.truncate(cut.unwrap_or(0));
    }
    EmbedError::Broken { reason }
}

/// Reads the file and finds its one picture input.
pub(super) fn parse(onnx: &[u8]) -> Result<Parsed, EmbedError> {
    if let Some(name) = name_of_other(onnx) {
        return Err(EmbedError::Broken {
            reason: format!("it is {name}"),
        });
    }
    let framework = tract_onnx::onnx();
    let mut proto = framework
        .proto_model_for_read(&mut &*onnx)
        .map_err(|error| broken(&error))?;
    let graph = proto.graph.as_mut().ok_or_else(|| EmbedError::Broken {
        reason: "it holds no graph".to_owned(),
    })?;
    if let Some(node) = graph
        .node
        .iter()
        .find(|node| !framework.op_register.0.contains_key(&node.op_type))
    {
        return Err(EmbedError::Unsupported {
            found: format!("the operator {:?} in node {:?}", node.op_type, node.name),
            expected: "operators that tract 0.23 knows".to_owned(),
        });
    }
    check_names(graph)?;
    let input = only_input(graph)?;
    let outputs = graph.output.iter().map(declared).collect();
    fold_stored_weights(graph);
    Ok(Parsed {
        proto,
        input,
        outputs,
    })
}

/// tract takes it for granted that every output of the graph exists.
fn check_names(graph: &GraphProto) -> Result<(), EmbedError> {
    let made: HashSet<&str> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(String::as_str))
        .chain(
            graph
                .initializer
                .iter()
                .map(|weights| weights.name.as_str()),
        )
        .chain(graph.input.iter().map(|input| input.name.as_str()))
        .collect();
    match graph
        .output
        .iter()
        .find(|o| !made.contains(o.name.as_str()))
    {
        Some(output) => Err(EmbedError::Broken {
            reason: format!("nothing in it makes its output {:?}", output.name),
        }),
        None => Ok(()),
    }
}

fn only_input(graph: &GraphProto) -> Result<Declared, EmbedError> {
    // Old files list their weights among the inputs.
    let fed: Vec<Declared> = graph
        .input
        .iter()
        .filter(|input| graph.initializer.iter().all(|w| w.name != input.name))
        .map(declared)
        .collect();
    let describe = |fed: &[Declared]| {
        let each = |input: &Declared| format!("{:?} {}", input.name, shape_text(&input.shape));
        fed.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    let expected =
        "one input with four sides: [batch, 3, height, width] or [batch, height, width, 3]";
    match fed.as_slice() {
        [only] if only.shape.len() == 4 => Ok(only.clone()),
        [] => Err(EmbedError::Unsupported {
            found: "a model without inputs".to_owned(),
            expected: expected.to_owned(),
        }),
        others => Err(EmbedError::Unsupported {
            found: format!("{} input(s): {}", others.len(), describe(others)),
            expected: expected.to_owned(),
        }),
    }
}

fn declared(info: &ValueInfoProto) -> Declared {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let (element, shape) = match tensor {
        Some(Value::TensorType(tensor)) => (tensor.elem_type, tensor.shape.as_ref()),
        _ => (0, None),
    };
    let side = |dim: &tract_onnx::pb::tensor_shape_proto::Dimension| match &dim.value {
        Some(Side::DimValue(value)) if *value > 0 => Some(*value),
        _ => None,
    };
    Declared {
        name: info.name.clone(),
        element,
        shape: shape.map_or(Vec::new(), |shape| shape.dim.iter().map(side).collect()),
    }
}

/// A shape as a person writes it, `?` for what is open.
pub(super) fn shape_text(shape: &[Option<i64>]) -> String {
    let side = |side: &Option<i64>| side.map_or("?".to_owned(), |side| side.to_string());
    format!(
        "[{}]",
        shape.iter().map(side).collect::<Vec<_>>().join(", ")
    )
}

impl Network {
    /// Parses and prepares a network for the input that the sidecar describes.
    pub(super) fn load(
        onnx: &[u8],
        input: &Input,
        output_name: &str,
    ) -> Result<Network, EmbedError> {
        Network::prepare(parse(onnx)?, input, output_name)
    }

    pub(super) fn prepare(
        parsed: Parsed,
        input: &Input,
        output_name: &str,
    ) -> Result<Network, EmbedError> {
        let shape = check_input(&parsed.input, input)?;
        if parsed.outputs.iter().all(|o| o.name != output_name) {
            let names: Vec<&str> = parsed.outputs.iter().map(|o| o.name.as_str()).collect();
            return Err(EmbedError::Mismatch {
                what: "name of the output",
                found: names.join(", "),
                expected: output_name.to_owned(),
            });
        }
        let graph = parsed.proto.graph.as_ref();
        if let Some(plain) = graph.and_then(|graph| Plain::read(graph, input, output_name)) {
            return Ok(Network::Plain(plain));
        }
        let element = match input.element {
            ElementType::Float32 => f32::datum_type(),
            ElementType::Uint8 => u8::datum_type(),
        };
        let plan = optimise(&parsed.proto, element, &shape, output_name)?;
        Ok(Network::General(plan))
    }

    /// Runs the network on pixels of exactly its input size.
    pub(super) fn run(&self, pixels: &Picture, input: &Input) -> Result<Values, EmbedError> {
        let plan = match self {
            Network::Plain(plain) => {
                let Answer { shape, values } = plain.run(&preprocess::floats(pixels, input));
                return Ok(Values { shape, values });
            }
            Network::General(plan) => plan,
        };
        let shape = input_shape(input);
        let tensor = match input.element {
            ElementType::Float32 => Tensor::from_shape(&shape, &preprocess::floats(pixels, input)),
            ElementType::Uint8 => Tensor::from_shape(&shape, &preprocess::bytes(pixels, input)),
        };
        tensor
            .and_then(|tensor| answer(plan, tensor))
            .map_err(|error| broken(&error))
    }
}

/// Runs a graph in the general runtime on numbers as the graph takes them.
#[cfg(test)]
pub(super) fn run_general(
    proto: &ModelProto,
    input: &Input,
    output_name: &str,
    values: &[f32],
) -> Values {
    let shape = input_shape(input);
    let plan = optimise(proto, f32::datum_type(), &shape, output_name).expect("it loads");
    let tensor = Tensor::from_shape(&shape, values).expect("as many numbers as the input takes");
    answer(&plan, tensor).expect("it runs")
}

/// A file's graph, with its weights as floats.
#[cfg(test)]
pub(super) fn folded(onnx: &[u8]) -> ModelProto {
    parse(onnx).expect("a model").proto
}

fn answer(plan: &Arc<TypedRunnableModel>, tensor: Tensor) -> TractResult<Values> {
    let outputs = plan.run(tvec!(tensor.into()))?;
    let output = outputs
        .first()
        .ok_or_else(|| TractError::msg("it gave no output"))?;
    let shape = output.shape().to_vec();
    let floats = output.cast_to::<f32>()?.into_owned();
    let values = floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
    Ok(Values { shape, values })
}

fn input_shape(input: &Input) -> [usize; 4] {
    let (width, height) = (input.width as usize, input.height as usize);
    match input.layout {
        Layout::Nchw => [1, 3, height, width],
        Layout::Nhwc => [1, height, width, 3],
    }
}

/// Holds the sidecar against what the graph declares.
fn check_input(declared: &Declared, input: &Input) -> Result<[usize; 4], EmbedError> {
    let mismatch = |what, found, expected| EmbedError::Mismatch {
        what,
        found,
        expected,
    };
    if declared.name != input.name {
        return Err(mismatch(
            "name of the input",
            declared.name.clone(),
            input.name.clone(),
        ));
    }
    let element = match input.element {
        ElementType::Float32 => DataType::Float,
        ElementType::Uint8 => DataType::Uint8,
    };
    if declared.element != element as i32 {
        let found = DataType::try_from(declared.element)
            .map_or("no type".to_owned(), |found| format!("{found:?}"));
        return Err(mismatch("type of the input", found, format!("{element:?}")));
    }
    let shape = input_shape(input);
    let fits = declared
        .shape
        .iter()
        .zip(shape)
        .all(|(declared, wanted)| declared.is_none_or(|side| side == wanted as i64));
    if !fits {
        return Err(mismatch(
            "shape of the input",
            shape_text(&declared.shape),
            format!("{shape:?}"),
        ));
    }
    Ok(shape)
}

fn optimise(
    proto: &ModelProto,
    element: DatumType,
    shape: &[usize; 4],
    output_name: &str,
) -> Result<Arc<TypedRunnableModel>, EmbedError> {
    let build = || -> TractResult<Arc<TypedRunnableModel>> {
        // Shapes that the file notes for inner values and outputs may speak of symbols that are no
        // longer open once the input is fixed: they are computed anew instead.
        let framework: Onnx = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true);
        let mut model = framework.model_for_proto_model(proto)?;
        let at = proto
            .graph
            .iter()
            .flat_map(|graph| &graph.output)
            .position(|output| output.name == output_name)
            .unwrap_or(0);
        let output = model.output_outlets()?[at];
        model.select_output_outlets(&[output])?;
        model.set_input_fact(0, InferenceFact::dt_shape(element, shape))?;
        let mut model = model.into_typed()?;
        check_value_sizes(&model)?;
        declutter(&mut model, proto)?;
        model.optimize()?;
        model.into_runnable()
    };
    // tract answers damaged files with errors almost always; where it panics instead, nothing of ours is
    // half-changed: the whole network is dropped. In wasm a panic ends the worker, which is replaced.
    catch_unwind(AssertUnwindSafe(build))
        .map_err(|_| EmbedError::Broken {
            reason: "the runtime gave up on its graph".to_owned(),
        })?
        .map_err(|error| broken(&error))
}

/// tract's own simplification, without the search for better orders of axes where there is nothing to find.
///
/// That search looks at every axis of every value: for the default model it was 45 of the 91 ms of a load, and
/// the network ran no slower without it (4.4 and 4.7 ms). A graph that transposes keeps it.
/// Passes are known by their names; should tract rename this one, it merely runs again.
fn declutter(model: &mut TypedModel, proto: &ModelProto) -> TractResult<()> {
    let mut optimizer = Optimizer::declutter();
    let mut nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    if nodes.all(|node| node.op_type != "Transpose") {
        let searches = |name: String| name.starts_with("ChangeAxes");
        optimizer
            .passes
            .retain(|pass| !searches(format!("{pass:?}")));
    }
    optimizer.optimize(model)
}

/// Refuses values of impossible size before anything is run: a file of a few bytes can ask for them.
fn check_value_sizes(model: &TypedModel) -> TractResult<()> {
    for node in model.nodes() {
        for output in &node.outputs {
            let fact = &output.fact;
            let Some(shape) = fact.shape.as_concrete() else {
                continue;
            };
            let bytes = shape
                .iter()
                .try_fold(fact.datum_type.size_of() as u64, |bytes, &side| {
                    bytes.checked_mul(side as u64)
                });
            if bytes.is_none_or(|bytes| bytes > LARGEST_VALUE_BYTES) {
                let (name, limit) = (&node.name, LARGEST_VALUE_BYTES >> 20);
                return Err(TractError::msg(format!(
                    "the value {name:?} of shape {shape:?} is larger than {limit} MiB"
                )));
            }
        }
    }
    Ok(())
}

/// Names what people hand over instead of an ONNX file.
fn name_of_other(bytes: &[u8]) -> Option<&'static str> {
    let magic: &[(&[u8], &str)] = &[
        (
            b"version https://git-lfs",
            "a Git LFS pointer, the model itself was not fetched",
        ),
        (
            b"PK\x03\x04",
            "a ZIP archive (a PyTorch checkpoint?), not ONNX",
        ),
        (b"\x80\x02", "a Python pickle, not ONNX"),
        (b"GGUF", "a GGUF model, not ONNX"),
        (b"\x89HDF", "an HDF5 (Keras) model, not ONNX"),
        (b"{", "JSON, not ONNX"),
        (b"<", "HTML or XML, not ONNX"),
    ];
    if bytes.is_empty() {
        return Some("empty: 0 bytes");
    }
    if bytes.get(4..8) == Some(b"TFL3") {
        return Some("a TensorFlow Lite model, not ONNX");
    }
    magic
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map(|(_, name)| *name)
}
