//! An ONNX file that is not plain → a network that tract runs. The only file that names tract.
//!
//! tract reads the bytes by itself, since it wants the fields that our own reading skips, and is given the weights that were folded
//! (see `fold`).

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::{self, ModelProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::optim::Optimizer;

use super::EmbedError;
use super::fold::numbers;
use super::model::{Parsed, broken, input_shape};
use super::onnx::{GraphProto, TensorProto};
use super::preprocess::{self, Values};
use super::sidecar::{ElementType, Input};
use crate::image::Picture;

/// No value inside a network may be larger: an embedder for a browser never comes near it.
const LARGEST_VALUE_BYTES: u64 = 512 << 20;

/// A network that is ready to run.
#[derive(Debug)]
pub(super) struct General(Arc<TypedRunnableModel>);

impl General {
    pub(super) fn load(
        parsed: &Parsed,
        input: &Input,
        output_name: &str,
    ) -> Result<General, EmbedError> {
        let framework = tract_onnx::onnx();
        let mut proto = framework
            .proto_model_for_read(&mut &*parsed.onnx)
            .map_err(|error| damaged(&error))?;
        if let Some(graph) = &mut proto.graph {
            let known = |node: &&pb::NodeProto| framework.op_register.0.contains_key(&node.op_type);
            if let Some(node) = graph.node.iter().find(|node| !known(node)) {
                return Err(EmbedError::Unsupported {
                    found: format!("the operator {:?} in node {:?}", node.op_type, node.name),
                    expected: "operators that tract 0.23 knows".to_owned(),
                });
            }
            take_folded(graph, &parsed.graph, &parsed.replaced);
        }
        let element = match input.element {
            ElementType::Float32 => f32::datum_type(),
            ElementType::Uint8 => u8::datum_type(),
        };
        optimise(&proto, element, &input_shape(input), output_name).map(General)
    }

    /// Runs the network on pixels of exactly its input size.
    pub(super) fn run(&self, pixels: &Picture, input: &Input) -> Result<Values, EmbedError> {
        let shape = input_shape(input);
        let tensor = match input.element {
            ElementType::Float32 => Tensor::from_shape(&shape, &preprocess::floats(pixels, input)),
            ElementType::Uint8 => Tensor::from_shape(&shape, &preprocess::bytes(pixels, input)),
        };
        tensor
            .and_then(|tensor| answer(&self.0, tensor))
            .map_err(|error| damaged(&error))
    }
}

/// Runs a file in this runtime, even if it is plain, on numbers as its graph takes them.
#[cfg(test)]
pub(super) fn run_general(onnx: &[u8], input: &Input, output_name: &str, values: &[f32]) -> Values {
    let parsed = super::model::parse(onnx).expect("a model");
    let General(plan) = General::load(&parsed, input, output_name).expect("it loads");
    let tensor = Tensor::from_shape(&input_shape(input), values);
    answer(&plan, tensor.expect("as many numbers as the input takes")).expect("it runs")
}

fn damaged(error: &TractError) -> EmbedError {
    broken(&error.root_cause())
}

/// Does to tract's graph what folding did to ours, which was read from the same bytes.
fn take_folded(theirs: &mut pb::GraphProto, ours: &GraphProto, replaced: &[bool]) {
    let mut each = replaced.iter();
    theirs.node.retain(|_| each.next() != Some(&true));
    let kept: HashSet<&str> = ours.initializer.iter().map(|t| t.name.as_str()).collect();
    theirs
        .initializer
        .retain(|t| kept.contains(t.name.as_str()));
    let held: HashSet<String> = theirs.initializer.iter().map(|t| t.name.clone()).collect();
    let made = ours.initializer.iter().filter(|t| !held.contains(&t.name));
    theirs.initializer.extend(made.filter_map(floats));
}

fn floats(tensor: &TensorProto) -> Option<pb::TensorProto> {
    Some(pb::TensorProto {
        dims: tensor.dims.clone(),
        data_type: pb::tensor_proto::DataType::Float as i32,
        name: tensor.name.clone(),
        raw_data: numbers(tensor)?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect(),
        ..pb::TensorProto::default()
    })
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
        .map_err(|error| damaged(&error))
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
