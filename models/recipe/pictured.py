"""Pictured: a model's sidecar and pictures → unit-length vectors, prepared as the sidecar says."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from export import session
from photos import ENDINGS, middle_square, upright

KNOWN = ("crop", "bilinear", "RGB", "NCHW")


class Pictured:
    """A model at work: pictures in, vectors out."""

    def __init__(self, side_file: Path):
        said = json.loads(side_file.read_text())
        taken = said["input"]
        if (taken["resize"], taken["filter"], taken["channels"], taken["layout"]) != KNOWN or taken["width"] != taken["height"]:
            raise SystemExit(f"{side_file}: this tool prepares pictures by {KNOWN} and square only")
        self.side, self.mean, self.std = taken["width"], np.float32(taken["mean"]), np.float32(taken["std"])
        self.input, self.output = taken["name"], said["output"]["name"]
        self.running = session((side_file.parent / said["file"]).read_bytes())

    def vector(self, image: Image.Image) -> np.ndarray:
        x = ((middle_square(image, self.side).astype(np.float32) / 255 - self.mean) / self.std).transpose(2, 0, 1)[None]
        output = self.running.run([self.output], {self.input: np.ascontiguousarray(x)})[0].ravel()
        return output / np.linalg.norm(output)


def folder(pictures: Path) -> list[tuple[str, Image.Image]]:
    """Every picture below the folder, upright, by its path there, in the order of paths."""
    files = sorted(p for p in pictures.rglob("*") if p.suffix.lower() in ENDINGS)
    if not files:
        raise SystemExit(f"{pictures} holds no picture")
    return [(str(p.relative_to(pictures)), upright(p.read_bytes())) for p in files]
