"""Start: an exported `nearsight-128.onnx` → the student whose weights it holds, ready to be trained on.

The file holds BatchNorm folded into the convolutions. It is unfolded so that every BatchNorm has the mean and deviation that its
input really has on the given batches, and the network computes what the file computes, up to the rounding of the weights to int8. The last layer
has fewer outputs in the file than in training: it is left as it is in a new student, and has to be set (`aim`).
"""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

import export
from student import ConvNorm, Student, as_input


def _weights(file: Path) -> dict[str, torch.Tensor]:
    """Every constant of the graph by its name, int8 turned back to floats."""
    model = onnx.load(file)
    stored = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            integers, scale = (stored[name] for name in node.input[:2])
            stored[node.output[0]] = integers.astype("float32") * scale.reshape(-1, *[1] * (integers.ndim - 1))
    return {name: torch.from_numpy(values.copy()) for name, values in stored.items()}


@torch.no_grad()
def student_of(file: Path, batches) -> Student:
    """`batches`: uint8 pictures, N x H x W x 3, on which the statistics of the norms are taken."""
    weights, student = _weights(file), Student()
    layers = export.named_layers(student)
    for name, layer in layers:
        found = weights.get(f"{name}_weight")
        if found is None or found.shape != layer.conv.weight.shape:
            shape = None if found is None else tuple(found.shape)
            raise SystemExit(f"{file}: {name}_weight is {shape}, this student has {tuple(layer.conv.weight.shape)}: was it made by this recipe?")
        layer.conv.weight.copy_(found)
        _plain(layer.norm, weights[f"{name}_bias"])
    student.to(memory_format=torch.channels_last).eval()
    _unfold([layer for _, layer in layers], student, batches)
    return student


def _plain(norm, bias: torch.Tensor) -> None:
    """A BatchNorm that adds `bias` and nothing else."""
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    norm.weight.fill_((1 + norm.eps) ** 0.5)
    norm.bias.copy_(bias)


def _unfold(layers: list[ConvNorm], student: Student, batches) -> None:
    """Give every BatchNorm the statistics of its input, and change its weight and bias so that it computes what it did."""
    sums = {layer: [0, 0, 0] for layer in layers}

    def look(layer):
        def hook(_, __, out):
            total = sums[layer]
            total[0] = total[0] + out.double().sum((0, 2, 3))
            total[1] = total[1] + out.double().square().sum((0, 2, 3))
            total[2] += out[:, 0].numel()

        return layer.conv.register_forward_hook(hook)

    hooks = [look(layer) for layer in layers]
    for batch in batches:
        student(as_input(batch))
    for hook in hooks:
        hook.remove()
    for layer, (total, squares, count) in sums.items():
        norm, mean = layer.norm, total / count
        norm.bias.add_(mean.float())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_((squares / count - mean**2).clamp_min(0))
        norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
