"""Affine: y = A x + b and back to unit length, the form in which a projection or an adapter is handed to the product.

In and out: `projection.json`, `{"format":1,"kind":"pca|aesvc|ss2d|…","input":N,"output":D,"matrix":[D*N numbers, row by
row],"offset":[D numbers]}`. x is a unit-length embedding; so is what `apply` gives.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embeddings import unit

FORMAT = 1


@dataclass
class Affine:
    kind: str
    matrix: np.ndarray
    offset: np.ndarray

    def raw(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.matrix.T.astype(np.float32) + self.offset.astype(np.float32)

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        return unit(self.raw(vectors))

    def prefix(self, dimension: int) -> "Affine":
        """The first `dimension` outputs alone; they are brought to unit length anew."""
        return Affine(self.kind, self.matrix[:dimension], self.offset[:dimension])

    def after(self, first: "Affine") -> "Affine":
        """This map on what `first` gives before it is brought to unit length: one map for both."""
        return Affine(self.kind, self.matrix @ first.matrix, self.matrix @ first.offset + self.offset)

    def save(self, path: Path) -> None:
        outputs, inputs = self.matrix.shape
        said = {
            "format": FORMAT, "kind": self.kind, "input": inputs, "output": outputs,
            "matrix": [float(f"{v:.8g}") for v in self.matrix.ravel()], "offset": [float(f"{v:.8g}") for v in self.offset],
        }  # fmt: skip
        path.write_text(json.dumps(said) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Affine":
        said = json.loads(path.read_text())
        if said.get("format") != FORMAT:
            raise SystemExit(f"{path}: format {said.get('format')!r}, this tool reads format {FORMAT}")
        shape, matrix, offset = (said["output"], said["input"]), np.array(said["matrix"]), np.array(said["offset"])
        if matrix.size != shape[0] * shape[1] or offset.size != shape[0]:
            raise SystemExit(f"{path}: {matrix.size} and {offset.size} numbers, expected {shape[0] * shape[1]} and {shape[0]}")
        if not (np.isfinite(matrix).all() and np.isfinite(offset).all()):
            raise SystemExit(f"{path}: holds a number that is not finite; fit it again")
        return cls(said["kind"], matrix.reshape(shape), offset)
