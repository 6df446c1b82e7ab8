//! Plain networks against the general runtime, and graphs that are none of them.
use proptest::prelude::*;
use prost::Message;

use super::Plain;
use crate::embed::Input;
use crate::embed::onnx::{
    AttributeProto, DataType, DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::embed::sidecar::Sidecar;
#[cfg(feature = "any-model")]
use crate::embed::{general::run_general, pattern};

/// A graph that grows by layers, with weights from a generator.
struct Draft {
    graph: GraphProto,
    state: u64,
}

impl Draft {
    fn new(side: i64) -> Self {
        let sides = [1, 3, side, side].map(|side| DimensionProto {
            dim_value: Some(side),
        });
        let tensor = TensorTypeProto {
            elem_type: DataType::Float as i32,
            shape: Some(TensorShapeProto {
                dim: sides.to_vec(),
            }),
        };
        let input = ValueInfoProto {
            name: "image".to_owned(),
            r#type: Some(TypeProto {
                tensor_type: Some(tensor),
            }),
        };
        let graph = GraphProto {
            input: vec![input],
            ..GraphProto::default()
        };
        Self { graph, state: 1 }
    }

    fn next(&mut self) -> f32 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn weights(&mut self, name: &str, dims: &[i64]) -> String {
        let count: i64 = dims.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.next()).collect();
        self.stored(name, dims, &values)
    }

    fn stored(&mut self, name: &str, dims: &[i64], values: &[f32]) -> String {
        self.graph.initializer.push(TensorProto {
            name: name.to_owned(),
            data_type: DataType::Float as i32,
            dims: dims.to_vec(),
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    fn layer(&mut self, kind: &str, inputs: &[&str], output: &str, lists: &[(&str, &[i64])]) {
        let attribute = |&(name, values): &(&str, &[i64])| {
            let mut attribute = AttributeProto {
                name: name.to_owned(),
                ..AttributeProto::default()
            };
            // One number is an integer of its own, as the standard has it for these layers.
            match values {
                &[one] => {
                    attribute.i = one;
                    attribute.r#type = 2;
                }
                many => {
                    attribute.ints = many.to_vec();
                    attribute.r#type = 7;
                }
            }
            attribute
        };
        self.graph.node.push(NodeProto {
            op_type: kind.to_owned(),
            name: output.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: lists.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
    }

    fn graph(mut self, output: &str) -> GraphProto {
        self.graph.output = vec![ValueInfoProto {
            name: output.to_owned(),
            ..ValueInfoProto::default()
        }];
        self.graph
    }
}

fn input(side: u32) -> Input {
    let bytes = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/models/nearsight-128.json"
    ));
    let input = Sidecar::parse(&bytes.unwrap()).unwrap().input;
    Input {
        width: side,
        height: side,
        ..input
    }
}

/// A graph as a file: of version 8, with the operators of version 17, which only the general runtime asks for.
#[cfg(feature = "any-model")]
fn file(graph: GraphProto) -> Vec<u8> {
    let model = ModelProto { graph: Some(graph) };
    [&[0x08, 8, 0x42, 2, 0x10, 17], &model.encode_to_vec()[..]].concat()
}

/// The plain network's answer, after it was held against the general runtime's.
#[cfg(feature = "any-model")]
fn both(graph: GraphProto, side: u32, output: &str) -> Vec<f32> {
    let input = input(side);
    let plain = Plain::read(&graph, &input, output);
    let values: Vec<f32> = (0..3 * side * side)
        .map(|place| (place * 37 % 101) as f32 / 50.0 - 1.0)
        .collect();
    let answer = plain.expect("these layers are plain").run(&values);
    let general = run_general(&file(graph), &input, output, &values);
    assert_eq!(answer.shape, general.shape);
    for (a, b) in answer.values.iter().zip(&general.values) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} against {b}");
    }
    answer.values
}

#[cfg(feature = "any-model")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_network_of_every_plain_layer_gives_what_the_general_runtime_gives(
        side in 5i64..14, channels in 1i64..20, size in 1i64..4, stride in 1i64..3,
        pads in prop::array::uniform4(0i64..3),
    ) {
        let pads = pads.map(|pad| pad % size);
        let mut draft = Draft::new(side);
        let (w, b) = (draft.weights("w", &[channels, 3, size, size]), draft.weights("b", &[channels]));
        draft.layer("Conv", &["image", &w, &b], "c", &[("strides", &[stride, stride]), ("pads", &pads)]);
        draft.layer("Relu", &["c"], "r", &[]);
        let d = draft.weights("d", &[channels, 1, 3, 3]);
        draft.layer("Conv", &["r", &d], "e", &[("group", &[channels]), ("pads", &[1, 1, 1, 1])]);
        let (least, most) = (draft.stored("least", &[], &[-0.5]), draft.stored("most", &[], &[0.75]));
        draft.layer("Clip", &["e", &least, &most], "f", &[]);
        let p = draft.weights("p", &[channels, channels, 1, 1]);
        draft.layer("Conv", &["f", &p], "g", &[]);
        draft.layer("Add", &["g", "r"], "h", &[]);
        // Read twice, so the bounds must not reach the sum itself.
        draft.layer("Relu", &["h"], "i", &[]);
        draft.layer("Add", &["i", "h"], "j", &[]);
        draft.layer("GlobalAveragePool", &["j"], "k", &[]);
        draft.layer("Flatten", &["k"], "l", &[]);
        let (m, n) = (draft.weights("m", &[5, channels]), draft.weights("n", &[5]));
        draft.layer("Gemm", &["l", &m, &n], "o", &[("transB", &[1])]);
        // A branch from the picture itself, every so many pixels, joined to the other at its end.
        let q = draft.weights("q", &[channels + 1, 3, 1, 1]);
        draft.layer("Conv", &["image", &q], "q0", &[("strides", &[stride + 2, stride + 2])]);
        let small = (side - 1) / (stride + 2) + 1;
        draft.layer("AveragePool", &["q0"], "qw", &[("kernel_shape", &[small.min(2), small]), ("strides", &[stride, 1])]);
        draft.layer("GlobalAveragePool", &["qw"], "q1", &[]);
        draft.layer("Flatten", &["q1"], "q2", &[]);
        draft.layer("Concat", &["o", "q2"], "out", &[("axis", &[1])]);
        both(draft.graph("out"), side as u32, "out");
    }
}

#[cfg(feature = "any-model")]
#[test]
fn an_output_that_is_a_picture_comes_channels_first() {
    let mut draft = Draft::new(6);
    let w = draft.weights("w", &[4, 3, 3, 3]);
    draft.layer("Conv", &["image", &w], "out", &[]);
    assert_eq!(both(draft.graph("out"), 6, "out").len(), 4 * 4 * 4);
}

#[cfg(feature = "any-model")]
#[test]
fn the_default_model_is_plain_and_gives_what_the_general_runtime_gives() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/nearsight-128.onnx");
    let onnx = std::fs::read(path).unwrap();
    let parsed = crate::embed::model::parse(&onnx).unwrap();
    let input = input(128);
    let values = crate::embed::preprocess::floats(&pattern(128, 128), &input);
    let plain = Plain::read(&parsed.graph, &input, "embedding").unwrap();
    let (a, b) = (
        plain.run(&values),
        run_general(&onnx, &input, "embedding", &values),
    );
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum()
    };
    let cosine =
        dot(&a.values, &b.values) / (dot(&a.values, &a.values) * dot(&b.values, &b.values)).sqrt();
    assert!(cosine > 0.999_999, "{cosine}");
}

#[test]
fn what_is_not_a_plain_layer_is_left_to_the_general_runtime() {
    let plain = |layer: &dyn Fn(&mut Draft)| {
        let mut draft = Draft::new(8);
        layer(&mut draft);
        Plain::read(&draft.graph("out"), &input(8), "out").is_ok()
    };
    let convolution = |dims: [i64; 4], lists: Vec<(&'static str, Vec<i64>)>| {
        plain(&move |draft: &mut Draft| {
            let w = draft.weights("w", &dims);
            let lists: Vec<(&str, &[i64])> = lists
                .iter()
                .map(|(name, list)| (*name, list.as_slice()))
                .collect();
            draft.layer("Conv", &["image", &w], "out", &lists);
        })
    };
    assert!(convolution([4, 3, 3, 3], vec![]));
    assert!(!convolution([4, 3, 3, 3], vec![("dilations", vec![2, 2])]));
    assert!(!convolution([4, 3, 3, 3], vec![("strides", vec![0, 1])]));
    assert!(!convolution([4, 3, 3, 3], vec![("pads", vec![3, 0, 0, 0])]));
    assert!(!convolution(
        [4, 3, 3, 3],
        vec![("pads", vec![-1, 0, 0, 0])]
    ));
    assert!(!convolution(
        [4, 3, 3, 3],
        vec![("kernel_shape", vec![5, 5])]
    ));
    assert!(
        !convolution([4, 3, 9, 9], vec![]),
        "larger than the picture"
    );
    assert!(!convolution([4, 2, 3, 3], vec![]), "of other channels");
    assert!(!convolution([6, 1, 3, 3], vec![("group", vec![3])]));
    assert!(!convolution([0, 3, 3, 3], vec![]));
    assert!(!plain(&|draft| draft.layer(
        "Sigmoid",
        &["image"],
        "out",
        &[]
    )));
    assert!(!plain(&|draft| draft.layer(
        "Relu",
        &["nothing"],
        "out",
        &[]
    )));
    assert!(!plain(&|draft| draft.layer(
        "Flatten",
        &["image"],
        "out",
        &[]
    )));
    let pooled = |lists: &'static [(&'static str, &'static [i64])]| {
        plain(&move |draft: &mut Draft| draft.layer("AveragePool", &["image"], "out", lists))
    };
    assert!(pooled(&[("kernel_shape", &[8, 2])]));
    assert!(
        !pooled(&[("kernel_shape", &[9, 2])]),
        "larger than the picture"
    );
    assert!(!pooled(&[("kernel_shape", &[0, 2])]) && !pooled(&[]));
    assert!(!pooled(&[
        ("kernel_shape", &[3, 3]),
        ("pads", &[1, 1, 1, 1])
    ]));
    assert!(!pooled(&[("kernel_shape", &[3, 3]), ("ceil_mode", &[1])]));
    let joined = |values: [&str; 2], axis: i64| {
        plain(&move |draft: &mut Draft| {
            draft.layer("GlobalAveragePool", &["image"], "mean", &[]);
            draft.layer("Flatten", &["mean"], "row", &[]);
            draft.layer("Concat", &values, "out", &[("axis", &[axis])]);
        })
    };
    assert!(joined(["row", "row"], 1) && joined(["row", "row"], -1));
    assert!(!joined(["row", "row"], 0), "below one another");
    assert!(!joined(["image", "image"], 1) && !joined(["row", "mean"], 1));
    assert!(!plain(&|_| ()), "nothing makes the output");
    assert!(!plain(&|draft| {
        draft.layer("Relu", &["image"], "out", &[]);
        draft.layer("Relu", &["image"], "out", &[]);
    }));
}
