//! An ONNX graph → a plain network, or what in it is not one of the layers known here.
//!
//! Nothing is guessed: an attribute, a shape or a type that is not exactly understood leaves the graph to the general runtime, which
//! then runs it or says what is wrong with it.

use std::collections::{HashMap, HashSet};

use super::{Layer, Plain, Step};
use crate::embed::fold::numbers;
use crate::embed::onnx::{GraphProto, NodeProto, TensorProto};
use crate::embed::sidecar::{ElementType, Input, Layout};
use crate::kernel::{Bounds, PackedMatrix, Sides, UNBOUNDED, Window};

/// More numbers than this in one value is left to the general runtime, which refuses what is too large.
const MOST_NUMBERS: usize = 32 << 20;

impl Plain {
    /// Reads a graph whose stored weights are floats (see `fold`). Where it is not plain, says what was found first that is not.
    pub(in crate::embed) fn read(
        graph: &GraphProto,
        input: &Input,
        output: &str,
    ) -> Result<Self, String> {
        if input.layout != Layout::Nchw || input.element != ElementType::Float32 {
            return Err("an input of interleaved colours or of bytes".to_owned());
        }
        let sides = [input.height as usize, input.width as usize, 3];
        let mut reader = Reader {
            stored: stored(graph),
            uses: uses(graph),
            named: HashMap::from([(
                input.name.as_str(),
                Value {
                    place: 0,
                    flat: false,
                },
            )]),
            values: vec![sides],
            steps: Vec::new(),
        };
        for node in &graph.node {
            let read = reader.node(node);
            read.ok_or_else(|| format!("the operator {:?} in node {:?}", node.op_type, node.name))?;
        }
        let output = reader.named.get(output).copied();
        let output = output.ok_or("an output that no layer makes")?;
        Ok(Self {
            values: reader.values,
            steps: reader.steps,
            output: output.place,
            flat: output.flat,
        })
    }
}

/// Weights by name; what a caller may feed instead is none.
fn stored(graph: &GraphProto) -> HashMap<&str, &TensorProto> {
    let fed: HashSet<&str> = graph
        .input
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    let weights = graph.initializer.iter().map(|t| (t.name.as_str(), t));
    weights.filter(|(name, _)| !fed.contains(name)).collect()
}

/// How often each value is read, by layers and as an output of the graph.
fn uses(graph: &GraphProto) -> HashMap<&str, usize> {
    let read = graph.node.iter().flat_map(|node| &node.input);
    let mut uses = HashMap::new();
    for name in read.chain(graph.output.iter().map(|output| &output.name)) {
        *uses.entry(name.as_str()).or_insert(0) += 1;
    }
    uses
}

#[derive(Clone, Copy)]
struct Value {
    place: usize,
    /// One row of channels and no picture any more.
    flat: bool,
}

struct Reader<'a> {
    stored: HashMap<&'a str, &'a TensorProto>,
    uses: HashMap<&'a str, usize>,
    named: HashMap<&'a str, Value>,
    values: Vec<Sides>,
    steps: Vec<Step>,
}

impl<'a> Reader<'a> {
    fn node(&mut self, node: &'a NodeProto) -> Option<()> {
        let ([output], true) = (
            node.output.as_slice(),
            matches!(node.domain.as_str(), "" | "ai.onnx"),
        ) else {
            return None;
        };
        let from = *self.named.get(node.input.first()?.as_str())?;
        let made = match node.op_type.as_str() {
            "Conv" => self.convolution(node, from)?,
            "Gemm" => self.product(node, from)?,
            "Add" => self.sum(node, from)?,
            "Concat" => self.joined(node, from)?,
            "Relu" => self.bounded(node, from, (0.0, f32::INFINITY))?,
            "Clip" => {
                let bounds = self.clip(node)?;
                self.bounded(node, from, bounds)?
            }
            "AveragePool" => self.windows_mean(node, from)?,
            "GlobalAveragePool" => {
                let [_, _, channels] = self.values[from.place];
                if from.flat {
                    return None;
                }
                self.step(Layer::Mean, from, [1, 1, channels], false)?
            }
            // Channels first and channels last are the same order where there is one pixel.
            "Flatten" if attribute(node, "axis").unwrap_or(1) == 1 => {
                let [height, width, _] = self.values[from.place];
                (height == 1 && width == 1).then_some(Value { flat: true, ..from })?
            }
            "Identity" => from,
            _ => return None,
        };
        // A graph names each value once.
        self.named.insert(output, made).is_none().then_some(())
    }

    fn step(&mut self, layer: Layer, from: Value, sides: Sides, flat: bool) -> Option<Value> {
        let numbers = sides
            .iter()
            .try_fold(1usize, |n, &side| n.checked_mul(side))?;
        if numbers == 0 || numbers > MOST_NUMBERS {
            return None;
        }
        let place = self.values.len();
        self.values.push(sides);
        self.steps.push(Step {
            layer,
            from: from.place,
            to: place,
        });
        Some(Value { place, flat })
    }

    /// The numbers of a stored tensor, and its sides.
    fn weights(&self, node: &NodeProto, at: usize) -> Option<(Vec<f32>, Vec<usize>)> {
        let tensor = self.stored.get(node.input.get(at)?.as_str())?;
        let sides: Option<Vec<usize>> = tensor
            .dims
            .iter()
            .map(|&side| usize::try_from(side).ok())
            .collect();
        Some((numbers(tensor)?, sides?))
    }

    /// One number for each output: stored, or zeros where none are given.
    fn bias(&self, node: &NodeProto, at: usize, outputs: usize) -> Option<Vec<f32>> {
        if node.input.get(at).is_none_or(String::is_empty) {
            return Some(vec![0.0; outputs]);
        }
        let (values, _) = self.weights(node, at)?;
        (values.len() == outputs).then_some(values)
    }

    fn convolution(&mut self, node: &NodeProto, from: Value) -> Option<Value> {
        let [height, width, channels] = self.values[from.place];
        let (weights, sides) = self.weights(node, 1)?;
        let &[outputs, inputs, down, across] = sides.as_slice() else {
            return None;
        };
        if from.flat || outputs == 0 || inputs == 0 || down == 0 || across == 0 {
            return None;
        }
        let (window, [down_to, across_to]) = window(node, [down, across], [height, width])?;
        let to = [down_to, across_to, outputs];
        let bias = self.bias(node, 2, outputs)?;
        let steps = down * across;
        let group = usize::try_from(attribute(node, "group").unwrap_or(1)).ok()?;
        let layer = if group == 1 && inputs == channels {
            // The file has outputs, channels, rows, columns; a patch has rows, columns, channels.
            let matrix = PackedMatrix::new(steps * channels, &bias, |output, at| {
                weights[(output * channels + at % channels) * steps + at / channels]
            });
            Layer::Convolution {
                matrix,
                window,
                bounds: UNBOUNDED,
            }
        } else if group == channels && outputs == channels && inputs == 1 {
            let weights =
                (0..steps * channels).map(|at| weights[at % channels * steps + at / channels]);
            Layer::Depthwise {
                weights: weights.collect(),
                bias,
                window,
                bounds: UNBOUNDED,
            }
        } else {
            return None;
        };
        self.step(layer, from, to, false)
    }

    /// The mean of each channel in every window, as a window over each channel by itself. What lies outside the picture
    /// is counted by some tools and not by others: only windows that lie inside are known here.
    fn windows_mean(&mut self, node: &NodeProto, from: Value) -> Option<Value> {
        let [height, width, channels] = self.values[from.place];
        let &[down, across] = list(node, "kernel_shape") else {
            return None;
        };
        let size = [usize::try_from(down).ok()?, usize::try_from(across).ok()?];
        let (window, [down_to, across_to]) = window(node, size, [height, width])?;
        let whole = list(node, "pads").iter().all(|&pad| pad == 0);
        if from.flat || !whole || attribute(node, "ceil_mode").unwrap_or(0) != 0 {
            return None;
        }
        let steps = size[0] * size[1];
        let layer = Layer::Depthwise {
            weights: vec![1.0 / steps as f32; steps * channels],
            bias: vec![0.0; channels],
            window,
            bounds: UNBOUNDED,
        };
        self.step(layer, from, [down_to, across_to, channels], false)
    }

    fn product(&mut self, node: &NodeProto, from: Value) -> Option<Value> {
        let one = |name: &str| {
            let found = node.attribute.iter().find(|a| a.name == name);
            found.is_none_or(|a| a.f == 1.0)
        };
        let [_, _, channels] = self.values[from.place];
        let (weights, sides) = self.weights(node, 1)?;
        let &[first, second] = sides.as_slice() else {
            return None;
        };
        let across = attribute(node, "transB").unwrap_or(0) != 0;
        let (outputs, inner) = if across {
            (first, second)
        } else {
            (second, first)
        };
        if !from.flat
            || attribute(node, "transA").unwrap_or(0) != 0
            || !one("alpha")
            || !one("beta")
            || inner != channels
            || outputs == 0
        {
            return None;
        }
        let bias = self.bias(node, 2, outputs)?;
        let matrix = PackedMatrix::new(inner, &bias, |output, input| match across {
            true => weights[output * inner + input],
            false => weights[input * outputs + output],
        });
        let layer = Layer::Product {
            matrix,
            bounds: UNBOUNDED,
        };
        self.step(layer, from, [1, 1, outputs], true)
    }

    fn sum(&mut self, node: &NodeProto, from: Value) -> Option<Value> {
        let other = *self.named.get(node.input.get(1)?.as_str())?;
        let alike = self.values[from.place] == self.values[other.place] && from.flat == other.flat;
        let sides = self.values[from.place];
        alike.then(|| self.step(Layer::Add(other.place), from, sides, from.flat))?
    }

    /// Two rows alone: channels of pictures are not one behind the other here.
    fn joined(&mut self, node: &NodeProto, from: Value) -> Option<Value> {
        let [_, second] = node.input.as_slice() else {
            return None;
        };
        let other = *self.named.get(second.as_str())?;
        let along = matches!(attribute(node, "axis")?, 1 | -1);
        let rows = from.flat && other.flat && along;
        let channels = self.values[from.place][2].checked_add(self.values[other.place][2])?;
        rows.then(|| self.step(Layer::Join(other.place), from, [1, 1, channels], true))?
    }

    /// Bounds belong to the layer before them where nothing else reads what it gives.
    fn bounded(&mut self, node: &NodeProto, from: Value, bounds: Bounds) -> Option<Value> {
        let alone = self.uses.get(node.input.first()?.as_str()) == Some(&1);
        let before = self
            .steps
            .last_mut()
            .filter(|step| alone && step.to == from.place);
        match before.map(|step| &mut step.layer) {
            Some(
                Layer::Convolution { bounds: held, .. }
                | Layer::Depthwise { bounds: held, .. }
                | Layer::Product { bounds: held, .. },
            ) if *held == UNBOUNDED => {
                *held = bounds;
                Some(from)
            }
            _ => self.step(
                Layer::Bound(bounds),
                from,
                self.values[from.place],
                from.flat,
            ),
        }
    }

    /// From inputs (opset 11 on) or attributes (before).
    fn clip(&self, node: &NodeProto) -> Option<Bounds> {
        let bound = |at: usize, name: &str, otherwise: f32| {
            if let Some(stated) = node.attribute.iter().find(|a| a.name == name) {
                return Some(stated.f);
            }
            match node.input.get(at).map(String::as_str) {
                None | Some("") => Some(otherwise),
                Some(_) => match self.weights(node, at)?.0.as_slice() {
                    &[value] => Some(value),
                    _ => None,
                },
            }
        };
        let bounds = (bound(1, "min", UNBOUNDED.0)?, bound(2, "max", UNBOUNDED.1)?);
        (bounds.0 <= bounds.1).then_some(bounds)
    }
}

/// The window of this size over a picture of these sides, and how many places it takes down and across.
fn window(node: &NodeProto, size: [usize; 2], sides: [usize; 2]) -> Option<(Window, [usize; 2])> {
    let pair = |name: &str, otherwise: [usize; 2]| match list(node, name) {
        [] => Some(otherwise),
        &[a, b] => Some([usize::try_from(a).ok()?, usize::try_from(b).ok()?]),
        _ => None,
    };
    let padding = node.attribute.iter().find(|a| a.name == "auto_pad");
    let stated = padding.is_none_or(|a| matches!(a.s.as_slice(), b"" | b"NOTSET"));
    let stride = pair("strides", [1, 1])?;
    if !stated
        || size.contains(&0)
        || pair("kernel_shape", size)? != size
        || pair("dilations", [1, 1])? != [1, 1]
        || stride.contains(&0)
    {
        return None;
    }
    let pads: [usize; 4] = match list(node, "pads") {
        [] => [0; 4],
        &[a, b, c, d] => {
            let pads = [a, b, c, d].map(|pad| usize::try_from(pad).ok());
            [pads[0]?, pads[1]?, pads[2]?, pads[3]?]
        }
        _ => return None,
    };
    // A window that lies outside the picture altogether is nothing that networks have.
    if pads[0].max(pads[2]) >= size[0] || pads[1].max(pads[3]) >= size[1] {
        return None;
    }
    let places = |axis: usize| {
        let side = sides[axis].checked_add(pads[axis] + pads[axis + 2])?;
        Some(side.checked_sub(size[axis])? / stride[axis] + 1)
    };
    let places = [places(0)?, places(1)?];
    let before = [pads[0], pads[1]];
    let window = Window {
        size,
        stride,
        before,
    };
    Some((window, places))
}

fn attribute(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}

fn list<'n>(node: &'n NodeProto, name: &str) -> &'n [i64] {
    let found = node.attribute.iter().find(|a| a.name == name);
    found.map_or(&[], |a| a.ints.as_slice())
}
