"""Export: a trained student becomes `nearsight-128.onnx` (weights in int8) and its sidecar.

In: the checkpoints of the chain and colour phases and training photos. Out: a graph of Conv, Clip, Add, AveragePool, GlobalAveragePool, Flatten, Gemm
and Concat at a fixed batch of one, 1 x 3 x 128 x 128 to 1 x 192, and the JSON file that tells a runtime how to feed and check it.

The shipped weights lie between the start and the end of the chain phase (`blend`). BatchNorm is folded into the convolutions. The 256 outputs become 128 by the student's own PCA (without centring, so that
it folds into the last layer), half whitened: a student answers too timidly along the axes it learnt last. The 64 of the colour branch stand behind them. Weights are rounded to int8, symmetric, one scale per output channel, and turned back by
DequantizeLinear in the graph; arithmetic stays in float32: rounding activations too is slower in the browser and lets two
runtimes disagree. Written with onnx.helper rather than a tracer, so that the graph holds these nodes and no others.

    python3 models/recipe/export.py --work DIR --out models/
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

import colour
import photos as photo_store
from student import MEAN, STD, Block, Student, as_input

NAME = "nearsight-128"
GENERATION = "nearsight-128-4"
CONTENT = 128
DIMENSION = CONTENT + colour.OUTPUTS
SHARE = 0.75
WHITENING = 0.5
OPSET = 17
# Mean square length of the colours' part, in units of the content's; chosen by the table in models/README.md.
COLOUR_SHARE = 0.025
# The filters next to the picture take differences of neighbouring pixels: rounded, they let brightness through. Small layers keep
# their floats.
FLOAT_BELOW = 2048


def blend(aimed: dict, chain: dict, share: float) -> dict:
    """Weights on the straight line from the start of the chain phase (share 0) to its end (share 1).

    The chain phase makes pictures like the training photos better told apart and, late in it, fine differences in others worse. Most
    of the gain is there before most of the loss: see the measurements in the model card. BatchNorm's statistics are the same at both
    ends.
    """
    return {k: aimed[k].lerp(chain[k], share) if chain[k].dtype.is_floating_point else chain[k] for k in chain}


def folded(layer):
    """Weight and bias of a convolution with its BatchNorm multiplied in."""
    norm = layer.norm
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return layer.conv.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor


def rounded(weight: np.ndarray):
    """int8 values and one scale per output channel (the first axis)."""
    scale = np.abs(weight.reshape(len(weight), -1)).max(1) / 127
    scale = np.maximum(scale, 1e-12).astype(np.float32)
    shape = (-1,) + (1,) * (weight.ndim - 1)
    return np.clip(np.rint(weight / scale.reshape(shape)), -127, 127).astype(np.int8), scale


def named_layers(student: Student):
    """Every convolution with its BatchNorm, and the name that it has in the file, in the order of the graph."""
    named = []
    for s, stage in enumerate(student.stages):
        for b, part in enumerate(stage):
            layers = part.layers if isinstance(part, Block) else [part]
            named += [(f"stage{s + 1}_{b}_{i}", layer) for i, layer in enumerate(layers)]
    return [*named, ("head", student.head.widen)]


class Graph:
    """Appends layers one after another; every layer's output is named after it."""

    def __init__(self, int8: bool):
        self.int8, self.nodes, self.constants = int8, [], []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        if not self.int8 or values.size < FLOAT_BELOW:
            return self.constant(name, values.astype(np.float32))
        integers, scale = rounded(values)
        parts = [
            self.constant(f"{name}_int8", integers),
            self.constant(f"{name}_scale", scale),
            self.constant(f"{name}_zero", np.zeros(len(scale), np.int8)),
        ]
        self.nodes.append(helper.make_node("DequantizeLinear", parts, [name], name, axis=0))
        return name

    def node(self, kind: str, name: str, inputs: list[str], **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def convolution(self, name: str, layer, x: str) -> str:
        weight, bias = (t.numpy() for t in folded(layer))
        conv, kernel = layer.conv, layer.conv.kernel_size[0]
        pads = [0, 0, 1, 1] if conv.stride[0] == 2 else [kernel // 2] * 4
        inputs = [x, self.weight(f"{name}_weight", weight), self.constant(f"{name}_bias", bias)]
        x = self.node(
            "Conv", name, inputs, kernel_shape=[kernel] * 2, strides=list(conv.stride), pads=pads, group=conv.groups
        )
        return self.node("Clip", f"{name}_relu6", [x, "zero", "six"]) if layer.relu else x


def colour_branch(graph: Graph, branch: colour.Colour, scale: float) -> str:
    """The branch from the picture to its end, `scale` multiplied in; a layer a pixel is a convolution of one place."""
    x, last = "image", len(branch.layers) - 1
    for number, layer in enumerate(branch.layers):
        name, weight, bias = f"colour_{number}", layer.weight.numpy(), layer.bias.numpy()
        if number == last:
            weight, bias = weight * np.float32(scale), bias * np.float32(scale)
        constants = [graph.weight(f"{name}_weight", weight[..., None, None] if number < 2 else weight), graph.constant(f"{name}_bias", bias)]
        if number == 2:
            x = graph.node("AveragePool", "colour_windows", [x], kernel_shape=[colour.WINDOW] * 2, strides=[colour.MOVED] * 2)
            x = graph.node("Flatten", "colour_flat", [graph.node("GlobalAveragePool", "colour_pool", [x])])
        if number < 2:
            x = graph.node("Conv", name, [x, *constants], kernel_shape=[1, 1], strides=[colour.STEP if number == 0 else 1] * 2)
        else:
            x = graph.node("Gemm", name, [x, *constants], transB=1)
        if number < last:
            x = graph.node("Clip", f"{name}_relu6", [x, "zero", "six"])
    return x


def build(student: Student, projection: np.ndarray, branch: colour.Colour, scale: float, int8: bool) -> onnx.ModelProto:
    """The whole graph; `projection` (128 x 256) is multiplied into the student's last layer, `scale` into the colours'."""
    graph, x = Graph(int8), "image"
    for name, value in (("zero", 0), ("six", 6)):
        graph.constant(name, np.float32(value))
    names = {layer: name for name, layer in named_layers(student)}
    for part in (part for stage in student.stages for part in stage):
        before = x
        for layer in part.layers if isinstance(part, Block) else [part]:
            x = graph.convolution(names[layer], layer, x)
        if isinstance(part, Block) and part.bypass:
            x = graph.node("Add", f"{names[layer].rpartition('_')[0]}_add", [x, before])
    x = graph.convolution(names[student.head.widen], student.head.widen, x)
    x = graph.node("Flatten", "flat", [graph.node("GlobalAveragePool", "pool", [x])])
    linear = student.head.linear
    weight = graph.weight("project_weight", projection @ linear.weight.numpy())
    bias = graph.constant("project_bias", (projection @ linear.bias.numpy()).astype(np.float32))
    content = graph.node("Gemm", "content", [x, weight, bias], transB=1)
    graph.node("Concat", "embedding", [content, colour_branch(graph, branch, scale)], axis=1)
    side = photo_store.SIDE
    made = helper.make_graph(
        graph.nodes,
        NAME,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, DIMENSION])],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="nearsight")
    onnx.checker.check_model(model, full_check=True)
    return model


def triangles(width: int, height: int) -> np.ndarray:
    """The pattern `triangles-1`: bytes any language computes alike, so that every runtime can check itself."""

    def tri(t):
        u = t % 512
        return np.where(u < 256, u, 511 - u)

    y, x = np.mgrid[:height, :width].astype(np.int64)
    x, y = x * 1024 // width, y * 1024 // height
    planes = [
        (tri(x * (1 + c) + y) + tri(y * (3 - c) + 2 * x + 97 * c) + tri(x * y // 256 + 31 * c)) // 3 for c in range(3)
    ]
    return np.stack(planes, -1).astype(np.uint8)


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def embed(running, picture: np.ndarray) -> np.ndarray:
    """One uint8 picture to a unit-length vector, as the product does it."""
    x = (picture.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    (output,) = running.run(None, {"image": np.ascontiguousarray(x.transpose(2, 0, 1)[None])})
    return output[0] / np.linalg.norm(output[0])


def sidecar(name: str, model: bytes, running) -> dict:
    side = photo_store.SIDE
    return {
        "format": 1,
        "name": name,
        "file": f"{name}.onnx",
        "sha256": hashlib.sha256(model).hexdigest(),
        "licence": "MIT OR Apache-2.0",
        "generation": GENERATION,
        "compatible_with": [],
        "input": {
            "name": "image", "type": "float32", "layout": "NCHW", "width": side, "height": side, "resize": "crop",
            "filter": "bilinear", "channels": "RGB", "mean": list(MEAN), "std": list(STD),
        },
        "output": {"name": "embedding", "dimension": DIMENSION, "pooling": "none", "normalise": True},
        "reference": {
            "pattern": "triangles-1",
            "output": [float(f"{v:.8g}") for v in embed(running, triangles(side, side))],
            "min_cosine": 0.9999,
        },
    }  # fmt: skip


def written(folder: Path, name: str, made: onnx.ModelProto) -> tuple[bytes, onnxruntime.InferenceSession]:
    """A graph and its sidecar, as files of this name; gives the bytes of the graph, and a session of it."""
    model = made.SerializeToString()
    running = session(model)
    (folder / f"{name}.onnx").write_bytes(model)
    (folder / f"{name}.json").write_text(json.dumps(sidecar(name, model, running), indent=1) + "\n")
    return model, running


@torch.no_grad()
def export(work: Path, photos, out: Path, share: float) -> None:
    student = Student()
    aimed, chain = (torch.load(work / f"{name}.pt")["mean"] for name in ("aimed", "chain"))
    student.load_state_dict(blend(aimed, chain, share))
    student.to(memory_format=torch.channels_last)
    chosen = np.random.default_rng(0).permutation(photos.training)[:3200]
    pictures = photos.middles(chosen)
    student.eval()
    plain = torch.cat([student(as_input(pictures[i : i + 50])) for i in range(0, len(pictures), 50)])
    outputs = torch.nn.functional.normalize(plain).numpy().astype(np.float64)
    values, vectors = np.linalg.eigh(outputs.T @ outputs / len(outputs))
    values, vectors = values[::-1][:CONTENT], vectors[:, ::-1][:, :CONTENT]
    projection = (vectors * np.maximum(values, 1e-9) ** (-WHITENING / 2)).T.astype(np.float32)
    branch = colour.kept(work)
    colours = branch(torch.from_numpy(colour.samples(pictures)))
    lengths = [np.square(rows).sum(1).mean() for rows in (plain.numpy() @ projection.T, colours.numpy())]
    scale = float(np.sqrt(COLOUR_SHARE * lengths[0] / lengths[1]))

    model, running = written(out, NAME, build(student, projection, branch, scale, int8=True))
    # What rounding costs is measured on both, with evaluate.py.
    _, whole = written(work, f"{NAME}-float", build(student, projection, branch, scale, int8=False))

    checked = photos.middles(photos.held_out[:200])
    cosines = np.array([embed(running, p) @ embed(whole, p) for p in checked])
    print(f"export: {len(model):,} bytes; int8 against float: cosine mean {cosines.mean():.5f}, least {cosines.min():.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="the folder train.py worked in")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=SHARE, help="0: weights of the start of the chain phase, 1: of its end")
    parser.add_argument("--held-out", type=int, default=800, help="as given to train.py")
    parser.add_argument("--seed", type=int, default=1, help="as given to train.py")
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    export(a.work, photo_store.Photos(a.work, a.held_out, a.seed), a.out, a.share)


if __name__ == "__main__":
    main()
