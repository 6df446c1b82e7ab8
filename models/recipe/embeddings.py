"""Embeddings: photos and an ONNX embedder → its raw outputs, computed once and kept.

In: the sidecar of an embedder (the product's `model.json`, or the flat form in which teachers come), and folders or tar
archives of photos. Out: one float32 row a photo, exactly as the network gave it, with the photo's name. Every other script
of the recipe that fits or measures something on embeddings starts here, for any embedder, and none embeds twice: a source's
rows are kept under a key made of the model's bytes, the way its pictures are prepared and the source's names, sizes and
times.

    python3 models/recipe/embeddings.py --model models/nearsight-128.json --photos FOLDER_OF_TARS SET.tar --work DIR

`crops` embeds one random crop of each photo that is kept for choices instead of the middles of all: whether a crop finds its
photo again is a measure that needs no label, and the one by which choices are made.
"""

import argparse
import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from export import session
from photos import ENDINGS, upright

BATCH = 16
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos3": Image.LANCZOS}


@dataclass
class Embedder:
    """An ONNX file and what its sidecar says of it."""

    name: str
    model: bytes
    input: dict
    output: str
    pooling: str
    running: object

    @classmethod
    def load(cls, side_file: Path) -> "Embedder":
        said = json.loads(side_file.read_text())
        given, output = said["input"], said["output"]
        if isinstance(given, str):
            given, output = from_flat(said)
        if given["resize"] not in ("crop", "squash") or given["filter"] not in FILTERS:
            raise SystemExit(
                f"{side_file}: resize {given['resize']!r} with filter {given['filter']!r}; "
                f"this tool knows crop and squash with {', '.join(FILTERS)}"
            )
        model = (side_file.parent / said["file"]).read_bytes()
        return cls(side_file.stem, model, given, output["name"], output.get("pooling", "none"), session(model))

    @property
    def batch(self) -> int:
        """Networks with a fixed batch of one get one picture at a time."""
        first = onnx.load_from_string(self.model).graph.input[0].type.tensor_type.shape.dim[0]
        return first.dim_value or BATCH

    def prepare(self, image: Image.Image, box: tuple | None = None) -> np.ndarray:
        """One picture as the network takes it; `box` instead of the sidecar's own choice of the part to look at."""
        said, (width, height) = self.input, image.size
        if box is None and said["resize"] == "crop":
            # The largest part of the network's proportions, in the middle.
            w, h = min(width, height * said["width"] / said["height"]), min(height, width * said["height"] / said["width"])
            left, top = (width - w) // 2, (height - h) // 2
            box = (left, top, left + w, top + h)
        small = image.resize((said["width"], said["height"]), FILTERS[said["filter"]], box=box)
        x = np.asarray(small)
        if said.get("channels", "RGB") == "BGR":
            x = x[:, :, ::-1]
        if said["type"] != "uint8":
            x = (x.astype(np.float32) / 255 - np.float32(said["mean"])) / np.float32(said["std"])
        return x.transpose(2, 0, 1) if said["layout"] == "NCHW" else x

    def run(self, prepared: list[np.ndarray]) -> np.ndarray:
        x = np.ascontiguousarray(np.stack(prepared))
        out = self.running.run([self.output], {self.input["name"]: x})[0].astype(np.float32)
        if self.pooling == "mean":
            positions = tuple(range(2, out.ndim)) if self.input["layout"] == "NCHW" else tuple(range(1, out.ndim - 1))
            out = out.mean(axis=positions)
        return out.reshape(len(prepared), -1)


def from_flat(said: dict) -> tuple[dict, dict]:
    """The flat form (`"input": "image", "size": 224, …`) as the product's nested one."""
    size = said["size"] if isinstance(said["size"], list) else [said["size"]] * 2
    given = {
        "name": said["input"], "type": said["input_type"], "layout": said["layout"], "height": size[0], "width": size[1],
        "resize": said["resize"], "filter": said.get("resize_filter", "bilinear"), "channels": said.get("channels", "RGB"),
        "mean": said["mean"], "std": said["std"],
    }  # fmt: skip
    return given, {"name": said["output"]}


@dataclass
class Embedded:
    """Rows and the names of their photos, `SOURCE/PATH` each."""

    names: np.ndarray
    vectors: np.ndarray

    @property
    def unit(self) -> np.ndarray:
        return unit(self.vectors)

    @property
    def validation(self) -> np.ndarray:
        """A tenth of the photos, told by their names alone, so that it is the same tenth for every model and script."""
        return np.array([is_kept(name) for name in self.names], bool)


def is_kept(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 10 == 0


def unit(vectors: np.ndarray) -> np.ndarray:
    """Each row divided by its length; a row of zeros stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def sources(given: list[Path]) -> list[Path]:
    """Tar archives and folders of plain pictures; a folder that holds archives stands for them."""
    found = []
    for path in given:
        archives = sorted(path.glob("*.tar*")) if path.is_dir() else []
        found += archives or [path]
    return found


def pictures(source: Path):
    """(name, bytes) of every picture of one source, in a fixed order."""
    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in ENDINGS):
            yield f"{source.name}/{path.relative_to(source)}", path.read_bytes()
        return
    with tarfile.open(source, "r:*") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if member.isfile() and name.lower().endswith(ENDINGS):
                yield f"{source.name}/{name}", archive.extractfile(member).read()


def crop_box(size: tuple[int, int], name: str) -> tuple:
    """30 to 100 % of the area, anywhere; the same for a photo's name in every script and for every model."""
    rng = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    width, height = size
    area, ratio = width * height * rng.uniform(0.3, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(width, np.sqrt(area * ratio)), min(height, np.sqrt(area / ratio))
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return (left, top, left + w, top + h)


def _key(embedder: Embedder, source: Path, crops: bool) -> str:
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    told = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    what = json.dumps([hashlib.sha256(embedder.model).hexdigest(), embedder.input, embedder.pooling, told, crops])
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def _compute(embedder: Embedder, source: Path, crops: bool) -> Embedded:
    names, rows, waiting, unreadable, batch = [], [], [], 0, embedder.batch
    for name, data in pictures(source):
        if crops and not is_kept(name):
            continue
        try:
            image = upright(data)
        except (OSError, ValueError):
            unreadable += 1
            continue
        waiting.append(embedder.prepare(image, crop_box(image.size, name) if crops else None))
        names.append(name)
        if len(waiting) == batch:
            rows.append(embedder.run(waiting))
            waiting = []
    if waiting:
        rows.append(embedder.run(waiting))
    if not names and not crops:
        raise SystemExit(f"{source}: no readable picture; expected a tar archive or a folder of {', '.join(ENDINGS)}")
    print(f"{source.name}: {len(names)} photos embedded by {embedder.name}, {unreadable} unreadable", flush=True)
    return Embedded(np.array(names, str), np.concatenate(rows) if rows else np.zeros((0, 0), np.float32))


def embeddings(embedder: Embedder, given: list[Path], work: Path, crops: bool = False) -> Embedded:
    """All photos of all sources, from the cache in `work` where they are there already."""
    work.mkdir(parents=True, exist_ok=True)
    parts = []
    for source in sources(given):
        if not source.exists():
            raise SystemExit(f"{source}: not there; expected a tar archive or a folder of photos")
        kept = work / f"{source.name.split('.')[0]}-{_key(embedder, source, crops)}.npz"
        if not kept.exists():
            made = _compute(embedder, source, crops)
            temporary = kept.with_suffix(".part.npz")
            np.savez(temporary, names=made.names, vectors=made.vectors)
            temporary.replace(kept)
        with np.load(kept) as file:
            parts.append(Embedded(file["names"], file["vectors"]))
    parts = [p for p in parts if len(p.names)]
    if not parts:
        raise SystemExit("none of these photos is kept for choices (a tenth is, by its name); more photos are needed")
    return Embedded(np.concatenate([p.names for p in parts]), np.concatenate([p.vectors for p in parts]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="tar archives, or folders of either")
    parser.add_argument("--work", type=Path, required=True, help="where rows are kept")
    parser.add_argument("--crops", action="store_true", help="a random crop of each kept photo instead of all middles")
    a = parser.parse_args()
    made = embeddings(Embedder.load(a.model), a.photos, a.work, a.crops)
    print(f"{len(made.names)} photos, {made.vectors.shape[1]} numbers each, {made.validation.sum()} kept for choices")


if __name__ == "__main__":
    main()
