"""Look: does the embedder answer for how a picture looks as well as for what it shows?

In: a model's sidecar, a folder of pictures in one subfolder a kind (the project's gallery), and, if given, labelled sets as `evaluate.py`
takes them. Out: Markdown tables.

- mAP and R@1 of the model and of a colour histogram (8 x 8 x 8 bins of RGB, compared by the Bhattacharyya coefficient), the kind being the label.
- Within a kind: how far the mean colour of the most similar picture is from the query's (CIE 1976 Delta E of mean colours), against a random one of
  the kind. 1: colour does not count.
- The cosine of a picture with itself in other colours. Lower: colour counts more.

    python3 models/recipe/look.py --model models/nearsight-128.json --pictures www/gallery --sets SET.csv …
"""

import argparse
import csv
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from evaluate import embeddings, scores
from photos import middle_square, upright
from pictured import Pictured, folder

HUES = (15, 30, 60, 120, 180)


def histogram(image: Image.Image) -> np.ndarray:
    """Square roots of the shares of 512 colours: unit length, so that the product of two is the Bhattacharyya coefficient."""
    bins = middle_square(image).reshape(-1, 3).astype(int) // 32
    counts = np.bincount(bins @ (64, 8, 1), minlength=512)
    return np.sqrt(counts / counts.sum())


def mean_colour(image: Image.Image) -> np.ndarray:
    """Mean of the middle square in CIE Lab (D65): distances in it are differences as people see them."""
    c = middle_square(image).reshape(-1, 3) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).mean(0)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = (matrix @ linear) / (0.9505, 1.0, 1.089)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def turned(image: Image.Image, degrees: int) -> Image.Image:
    """All hues turned by so much; saturation and lightness stay."""
    h, s, v = image.convert("HSV").split()
    h = h.point(lambda value: (value + round(degrees * 256 / 360)) % 256)
    return Image.merge("HSV", (h, s, v)).convert("RGB")


def within_kinds(vectors: np.ndarray, kinds: np.ndarray, colours: np.ndarray) -> tuple[float, float]:
    """Mean colour difference to the most similar picture of the same kind, and to all others of it."""
    nearest, others = [], []
    for i, kind in enumerate(kinds):
        same = np.flatnonzero(kinds == kind)
        same = same[same != i]
        if len(same):
            away = np.linalg.norm(colours[same] - colours[i], axis=1)
            nearest.append(away[np.argmax(vectors[same] @ vectors[i])])
            others.append(away.mean())
    return float(np.mean(nearest)), float(np.mean(others))


def of_set(model: Path, table: Path) -> str:
    """One row: a labelled set, its tar beside it."""
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    tar, paths = table.with_suffix(".tar"), [row["path"] for row in rows]
    pictures = {}
    with tarfile.open(tar, "r:*") as archive:
        for member in archive:
            if member.isfile():
                pictures[member.name.removeprefix("./")] = histogram(upright(archive.extractfile(member).read()))
    labels, splits = np.array([r["label"] for r in rows]), np.array([r["split"] for r in rows])
    return row(table.stem, labels, splits, embeddings(model, tar, paths), np.stack([pictures[p] for p in paths]))


def row(name: str, labels: np.ndarray, splits: np.ndarray, *spaces: np.ndarray) -> str:
    query, gallery = splits == "query", splits == "gallery"
    alone = not (query.any() and gallery.any())
    if alone:
        query = gallery = np.ones(len(labels), bool)
    cells = []
    for vectors in spaces:
        mean, first, _ = scores(vectors[query], labels[query], vectors[gallery], labels[gallery], alone)
        cells.append(f"{100 * mean:.1f} / {100 * first:.1f}")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
    parser.add_argument("--pictures", type=Path, required=True, help="one subfolder a kind")
    parser.add_argument("--sets", type=Path, nargs="*", default=[], help="CSV files, each with its tar beside it")
    a = parser.parse_args()
    model, pictures = Pictured(a.model), folder(a.pictures)
    kinds = np.array([Path(path).parts[0] for path, _ in pictures])
    images = [image for _, image in pictures]
    vectors, colours = np.stack([model.vector(i) for i in images]), np.stack([mean_colour(i) for i in images])
    histograms = np.stack([histogram(i) for i in images])

    print("| set | model, mAP / R@1 | colour histogram |\n|---|---|---|")
    print(row(f"gallery, {len(set(kinds))} kinds", kinds, np.full(len(kinds), ""), vectors, histograms), flush=True)
    for table in a.sets:
        print(of_set(a.model, table), flush=True)

    print("\n| within a kind of the gallery | colour difference to the nearest | to all | share |\n|---|---|---|---|")
    for name, space in (("model", vectors), ("colour histogram", histograms)):
        near, others = within_kinds(space, kinds, colours)
        print(f"| {name} | {near:.1f} | {others:.1f} | {near / others:.2f} |", flush=True)

    print("\n| the same picture | cosine, mean | 5 % are below |\n|---|---|---|")
    changes = {f"hues turned by {d} degrees": lambda image, d=d: turned(image, d) for d in HUES}
    changes["without colour"] = lambda image: ImageOps.grayscale(image).convert("RGB")
    for name, change in changes.items():
        own = np.array([vectors[i] @ model.vector(change(image)) for i, image in enumerate(images)])
        print(f"| {name} | {own.mean():.3f} | {np.quantile(own, 0.05):.3f} |", flush=True)


if __name__ == "__main__":
    main()
