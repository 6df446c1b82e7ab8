"""Writes the sidecars beside this file for networks that people bring along.

    python tests/sidecars/make.py FOLDER        # needs onnxruntime and numpy

FOLDER holds teacher.onnx, mobilenet-v1-int8-nhwc.onnx and osnet-x025-512.onnx (also one folder deeper).
The reference vectors are what ONNX Runtime computes; tests/models.rs then asks this project's runtime for the
same, where NEARSIGHT_TEST_MODELS names the folder. The networks are not part of this project.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).parent.parent / "fixtures" / "models"))
from make import triangles  # noqa: E402

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
NETWORKS = [
    {
        "name": "EfficientNet-Lite0 and MobileNetV2, concatenated", "file": "teacher.onnx", "licence": "Apache-2.0",
        "input": {"name": "image", "type": "float32", "layout": "NCHW", "width": 224, "height": 224, "resize": "crop",
                  "filter": "bicubic", "channels": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1]},
        "output": "embedding", "min_cosine": 0.9999,
    },
    {
        # Activations are bytes as well: every runtime rounds them a little otherwise.
        "name": "MobileNetV1 1.0, int8", "file": "mobilenet-v1-int8-nhwc.onnx", "licence": "Apache-2.0",
        "input": {"name": "input", "type": "uint8", "layout": "NHWC", "width": 224, "height": 224, "resize": "crop",
                  "filter": "bilinear", "channels": "RGB"},
        "output": "MobilenetV1/Logits/AvgPool_1a/AvgPool", "min_cosine": 0.999,
    },
    {
        "name": "OSNet x0.25 (MSMT17)", "file": "osnet-x025-512.onnx", "licence": "MIT",
        "input": {"name": "images", "type": "float32", "layout": "NCHW", "width": 128, "height": 256,
                  "resize": "squash", "filter": "bilinear", "channels": "RGB", **IMAGENET},
        "output": "output", "min_cosine": 0.9999,
    },
]  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    for network in NETWORKS:
        path = next(folder.rglob(network["file"]))
        fed = network["input"]
        picture = triangles(fed["width"], fed["height"])
        if fed["type"] == "float32":
            picture = (picture.astype(np.float32) / 255 - np.float32(fed["mean"])) / np.float32(fed["std"])
        picture = picture if fed["layout"] == "NHWC" else picture.transpose(2, 0, 1)
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        (vector,) = session.run([network["output"]], {fed["name"]: np.ascontiguousarray(picture[None])})
        vector = vector.reshape(-1).astype(np.float64)
        vector /= np.linalg.norm(vector)
        described = {
            "format": 1, "name": network["name"], "file": network["file"],
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "licence": network["licence"],
            "generation": path.stem, "compatible_with": [], "input": fed,
            "output": {"name": network["output"], "dimension": len(vector), "pooling": "none", "normalise": True},
            "reference": {"pattern": "triangles-1", "output": [float(f"{v:.6g}") for v in vector],
                          "min_cosine": network["min_cosine"]},
        }  # fmt: skip
        out = Path(__file__).parent / f"{path.stem}.json"
        text = json.dumps(described, indent=1).replace(",\n   ", ", ")
        out.write_text(text + "\n")
        print(out.name, len(vector))


if __name__ == "__main__":
    main()
