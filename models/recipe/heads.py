"""Heads: what a learned projection is made of, a linear layer or one hidden layer, and how it leaves this folder.

A head is trained on coordinates, not on embeddings: the first 512 principal axes, centred and brought to one common
scale (no whitening), which is a rotation that loses next to nothing and makes training several times faster. A
linear head leaves as an affine map of the embedding, with that rotation multiplied in; one with a hidden layer leaves as a
small ONNX file (Gemm, Relu, Gemm, LpNormalization), 1 x N to 1 x D at unit length.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import whitening
from affine import Affine
from embeddings import unit

BASIS = 512
OPSET = 17


def basis(vectors: np.ndarray) -> Affine:
    """The map from embeddings to coordinates: variance one on average over the axes that are kept."""
    rotation = whitening.fit(vectors, min(BASIS, vectors.shape[1]), 0.0)
    coordinates = vectors @ rotation.matrix.T + rotation.offset
    scale = 1 / coordinates.std()
    return Affine("basis", rotation.matrix * scale, rotation.offset * scale)


def coordinates(of: Affine, vectors: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((vectors @ of.matrix.T + of.offset).astype(np.float32))


def make(inputs: int, outputs: int, hidden: int) -> nn.Module:
    """Begins as PCA where it is linear: the first coordinates are the first principal axes."""
    if hidden:
        return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(outputs, inputs))
        layer.bias.zero_()
    return layer


class Head:
    """A trained head on its basis."""

    def __init__(self, kind: str, of: Affine, module: nn.Module):
        self.kind, self.of, self.module = kind, of, module.eval()

    @torch.no_grad()
    def raw(self, vectors: np.ndarray) -> np.ndarray:
        return self.module(coordinates(self.of, vectors)).numpy()

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        return unit(self.raw(vectors))

    def affine(self) -> Affine:
        """A linear head alone: one map of the embedding."""
        if not isinstance(self.module, nn.Linear):
            raise SystemExit(f"{self.kind}: a head with a hidden layer is no affine map; save it as .onnx")
        weight, bias = (p.detach().numpy().astype(np.float64) for p in self.module.parameters())
        return Affine(self.kind, weight, bias).after(self.of)

    def save(self, path: Path) -> None:
        if isinstance(self.module, nn.Linear):
            return self.affine().save(path)
        first, second = self.module[0], self.module[2]
        weight, bias = (p.detach().numpy().astype(np.float64) for p in first.parameters())
        widen = Affine("", weight, bias).after(self.of)
        values = {
            "widen": widen.matrix, "widen_offset": widen.offset,
            "project": second.weight.detach().numpy(), "project_offset": second.bias.detach().numpy(),
        }  # fmt: skip
        constants = [numpy_helper.from_array(np.ascontiguousarray(v, np.float32), k) for k, v in values.items()]
        nodes = [
            helper.make_node("Gemm", ["embedding", "widen", "widen_offset"], ["wide"], transB=1),
            helper.make_node("Relu", ["wide"], ["kept"]),
            helper.make_node("Gemm", ["kept", "project", "project_offset"], ["raw"], transB=1),
            helper.make_node("LpNormalization", ["raw"], ["projected"], axis=1, p=2),
        ]
        inputs, outputs = widen.matrix.shape[1], second.out_features
        graph = helper.make_graph(
            nodes,
            self.kind,
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", inputs])],
            [helper.make_tensor_value_info("projected", TensorProto.FLOAT, ["N", outputs])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())


def descend(parameters, loss, count: int, steps: int, batch: int, rate: float, seed: int) -> list[float]:
    """Adam with a cosine rate over random batches of row numbers; `loss(rows)` gives what is to fall. The last losses."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    told = []
    for _ in range(steps):
        value = loss(torch.from_numpy(rng.choice(count, min(batch, count), replace=False)))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        schedule.step()
        told.append(float(value.detach()))
    return told[-50:]
