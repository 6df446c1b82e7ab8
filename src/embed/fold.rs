//! An ONNX graph → the same graph with its stored weights turned into floats beforehand.
//!
//! Small files keep weights as int8 with a scale (`DequantizeLinear`) or as float16 (`Cast`). Plain networks are read
//! from floats. tract can fold both, but as part of its general passes, which look at the whole graph after every
//! change: for the default model (2.3 MB, int8) it took 2.1 s of 2.3 s on a busy machine, with the weights
//! folded here the whole load took 0.3 s (`benches/embedding.rs` measures a load). It costs one
//! multiplication a weight and gives the same numbers.
//!
//! What is not understood completely is left as it stands, for the general runtime to judge.

use std::collections::{HashMap, HashSet};

use super::onnx::{DataType, GraphProto, NodeProto, TensorProto};

/// Replaces every `DequantizeLinear` and `Cast` to float of a stored tensor by the result. Says of each node of the graph as it was
/// whether it was replaced.
pub(super) fn fold_stored_weights(graph: &mut GraphProto) -> Vec<bool> {
    let fed: HashSet<&str> = graph.input.iter().map(|i| i.name.as_str()).collect();
    let stored: HashMap<&str, &TensorProto> = graph
        .initializer
        .iter()
        .filter(|tensor| !fed.contains(tensor.name.as_str()))
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect();
    let folded: Vec<Option<TensorProto>> = graph
        .node
        .iter()
        .map(|node| fold_node(node, &stored))
        .collect();

    let replaced: Vec<bool> = folded.iter().map(Option::is_some).collect();
    let mut each = replaced.iter();
    graph.node.retain(|_| each.next() != Some(&true));
    graph.initializer.extend(folded.into_iter().flatten());

    // What nothing reads any more need not be loaded. Nodes with a graph of their own may read names
    // from here, so in their presence everything stays.
    let nested = |node: &NodeProto| {
        node.attribute
            .iter()
            .any(|a| a.g.is_some() || !a.graphs.is_empty())
    };
    if !graph.node.iter().any(nested) {
        let read: HashSet<&str> = graph
            .node
            .iter()
            .flat_map(|node| &node.input)
            .chain(graph.output.iter().map(|output| &output.name))
            .map(String::as_str)
            .collect();
        graph
            .initializer
            .retain(|tensor| read.contains(tensor.name.as_str()));
    }
    replaced
}

fn fold_node(node: &NodeProto, stored: &HashMap<&str, &TensorProto>) -> Option<TensorProto> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") || node.output.len() != 1 {
        return None;
    }
    let input = |at: usize| {
        node.input
            .get(at)
            .and_then(|name| stored.get(name.as_str()))
    };
    let tensor = input(0)?;
    let values = match node.op_type.as_str() {
        "Cast" if attribute(node, "to") == Some(DataType::Float as i64) => (tensor.data_type
            == DataType::Float16 as i32)
            .then(|| numbers(tensor))
            .flatten()?,
        "DequantizeLinear" if attribute(node, "block_size").unwrap_or(0) == 0 => {
            let zero_point = match node.input.get(2).map(String::as_str) {
                None | Some("") => None,
                Some(_) => Some(numbers(input(2)?)?),
            };
            let axis = attribute(node, "axis").unwrap_or(1);
            dequantize(tensor, &numbers(input(1)?)?, zero_point.as_deref(), axis)?
        }
        _ => return None,
    };
    Some(TensorProto {
        dims: tensor.dims.clone(),
        data_type: DataType::Float as i32,
        name: node.output[0].clone(),
        float_data: values,
        ..TensorProto::default()
    })
}

fn attribute(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}

/// `(value - zero_point) * scale`, one scale for all or one for each index along `axis`.
fn dequantize(
    tensor: &TensorProto,
    scale: &[f32],
    zero_point: Option<&[f32]>,
    axis: i64,
) -> Option<Vec<f32>> {
    let mut values = numbers(tensor)?;
    let zero_at = |at: usize| zero_point.map_or(Some(0.0), |zeros| zeros.get(at).copied());
    if zero_point.is_some_and(|zeros| zeros.len() != scale.len()) {
        return None;
    }
    if let &[scale] = scale {
        let zero = zero_at(0)?;
        for value in &mut values {
            *value = (*value - zero) * scale;
        }
        return Some(values);
    }
    let rank = tensor.dims.len() as i64;
    let axis = if axis < 0 { axis + rank } else { axis };
    let axis = usize::try_from(axis).ok()?;
    if usize::try_from(*tensor.dims.get(axis)?).ok()? != scale.len() {
        return None;
    }
    let inside = count(&tensor.dims[axis + 1..]).filter(|&inside| inside > 0)?;
    for (run, values) in values.chunks_mut(inside).enumerate() {
        let (scale, zero) = (scale[run % scale.len()], zero_at(run % scale.len())?);
        for value in values {
            *value = (*value - zero) * scale;
        }
    }
    Some(values)
}

/// The numbers of a tensor whose length agrees with its shape. Integers up to 2^24 are exact.
pub(super) fn numbers(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_location != 0 {
        return None;
    }
    let raw = tensor.raw_data.as_slice();
    let values: Vec<f32> = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float if raw.is_empty() => tensor.float_data.clone(),
        DataType::Float => exact::<4>(raw)?.map(f32::from_le_bytes).collect(),
        DataType::Float16 if raw.is_empty() => {
            tensor.int32_data.iter().map(|&v| half(v as u16)).collect()
        }
        DataType::Float16 => exact::<2>(raw)?
            .map(|bytes| half(u16::from_le_bytes(bytes)))
            .collect(),
        DataType::Int8 if !raw.is_empty() => raw.iter().map(|&v| f32::from(v as i8)).collect(),
        DataType::Uint8 if !raw.is_empty() => raw.iter().map(|&v| f32::from(v)).collect(),
        DataType::Int32 if !raw.is_empty() => exact::<4>(raw)?
            .map(|bytes| i32::from_le_bytes(bytes) as f32)
            .collect(),
        DataType::Int8 | DataType::Uint8 | DataType::Int32 => {
            tensor.int32_data.iter().map(|&v| v as f32).collect()
        }
        _ => return None,
    };
    (Some(values.len()) == count(&tensor.dims)).then_some(values)
}

/// The numbers in a tensor of these sides, where there can be as many.
fn count(sides: &[i64]) -> Option<usize> {
    sides.iter().try_fold(1usize, |count, &side| {
        count.checked_mul(usize::try_from(side).ok()?)
    })
}

/// The number that the bits of a float16 are.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1F);
    let fraction = u32::from(bits & 0x3FF);
    let magnitude = match (exponent, fraction) {
        // Below the least normal number, steps of 2^-24.
        (0, _) => (fraction as f32 / 16_777_216.0).to_bits(),
        (31, 0) => f32::INFINITY.to_bits(),
        // No number: kept as one that is none, and quiet.
        (31, _) => 0x7FC0_0000 | fraction << 13,
        _ => (exponent + 127 - 15) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

fn exact<const N: usize>(raw: &[u8]) -> Option<impl Iterator<Item = [u8; N]>> {
    let (chunks, rest) = raw.as_chunks::<N>();
    rest.is_empty().then(|| chunks.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, data_type: DataType, dims: &[i64], raw: Vec<u8>) -> TensorProto {
        TensorProto {
            name: name.to_owned(),
            data_type: data_type as i32,
            dims: dims.to_vec(),
            raw_data: raw,
            ..TensorProto::default()
        }
    }

    fn le(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: op_type.to_owned(),
            input: input.iter().map(|&s| s.to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    #[test]
    fn int8_weights_are_scaled_along_their_axis() {
        let mut graph = GraphProto {
            node: vec![
                node("DequantizeLinear", &["q", "s", "z"], "w"),
                node("Conv", &["x", "w"], "y"),
            ],
            initializer: vec![
                tensor("q", DataType::Int8, &[2, 2], vec![1, 2, 0xFF, 4]),
                tensor("s", DataType::Float, &[2], le(&[0.5, 10.0])),
                tensor("z", DataType::Int8, &[2], vec![0, 1]),
            ],
            ..GraphProto::default()
        };
        assert_eq!(fold_stored_weights(&mut graph), [true, false]);
        assert_eq!(graph.node.len(), 1);
        assert_eq!(graph.initializer.len(), 1, "what nothing reads is dropped");
        assert_eq!(graph.initializer[0].name, "w");
        // The axis is 1 unless stated: columns are scaled.
        assert_eq!(
            numbers(&graph.initializer[0]).unwrap(),
            [0.5, 10.0, -0.5, 30.0]
        );
    }

    #[test]
    fn a_float16_is_the_number_that_its_bits_say() {
        let known = [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x8400, -6.103_515_6e-5),
            (0xFC00, f32::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x8000).is_sign_negative() && half(0x7C01).is_nan());
        // Finite ones ascend with their bits, in equal steps between two powers of two.
        for bits in 0..0x7BFFu16 {
            let (step, exponent) = (half(bits + 1) - half(bits), i32::from(bits >> 10).max(1));
            assert_eq!(step, 2f32.powi(exponent - 25), "{bits:#06x}");
            assert_eq!(half(bits | 0x8000), -half(bits));
        }
    }

    #[test]
    fn what_is_not_understood_stays() {
        let cases = [
            // A scale for neither one nor each of the axis.
            tensor("s", DataType::Float, &[3], le(&[1.0, 2.0, 3.0])),
            // Fewer bytes than the shape says.
            tensor("s", DataType::Float, &[2], le(&[1.0])),
            tensor("s", DataType::Float, &[-1], le(&[1.0])),
            tensor("s", DataType::Float, &[0, i64::MAX, i64::MAX], vec![]),
        ];
        for scale in cases {
            let mut graph = GraphProto {
                node: vec![node("DequantizeLinear", &["q", "s"], "w")],
                initializer: vec![
                    tensor("q", DataType::Int8, &[2, 2], vec![1, 2, 3, 4]),
                    scale,
                ],
                ..GraphProto::default()
            };
            fold_stored_weights(&mut graph);
            assert_eq!(graph.node.len(), 1);
            assert_eq!(graph.initializer.len(), 2);
        }
    }
}
