"""Evaluate: how well an embedder ranks labelled photos.

In: an ONNX file with its sidecar, and a tar of photos with a CSV of `path,label,split`. Out: mAP and R@1 in percent.
Where the CSV holds the splits `query` and `gallery`, queries are ranked against the gallery; otherwise every photo is a
query against all the others. mAP is average precision over the full ranking, averaged over queries that have at least one
photo of their label to find; R@1 is the share of them whose first answer has their label.

    python3 models/recipe/evaluate.py --model models/nearsight-128.json --csv SET.csv --tar SET.tar
"""

import argparse
import csv
import tarfile
from pathlib import Path

import numpy as np

from photos import upright
from pictured import Pictured


def embeddings(side_file: Path, tar: Path, paths: list[str]) -> np.ndarray:
    """Unit-length vectors of the photos in `paths`, prepared as the sidecar says."""
    model = Pictured(side_file)
    vectors = {}
    wanted = set(paths)
    with tarfile.open(tar, "r:*") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name not in wanted:
                continue
            vectors[name] = model.vector(upright(archive.extractfile(member).read()))
    missing = wanted - vectors.keys()
    if missing:
        raise SystemExit(f"{tar}: {len(missing)} photos of the CSV are not in it, such as {min(missing)}")
    return np.stack([vectors[p] for p in paths])


def scores(queries, query_labels, gallery, gallery_labels, leave_one_out: bool) -> tuple[float, float, int]:
    """(mAP, R@1, number of queries that count)."""
    precisions, firsts = [], []
    for i, (vector, label) in enumerate(zip(queries, query_labels)):
        similar = gallery @ vector
        if leave_one_out:
            similar[i] = -np.inf
        order = np.argsort(-similar, kind="stable")[: len(gallery) - leave_one_out]
        right = gallery_labels[order] == label
        found = np.flatnonzero(right)
        if len(found):
            precisions.append(np.mean(np.arange(1, len(found) + 1) / (found + 1)))
            firsts.append(right[0])
    return float(np.mean(precisions)), float(np.mean(firsts)), len(firsts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--tar", type=Path, required=True)
    a = parser.parse_args()
    with open(a.csv, newline="") as file:
        rows = list(csv.DictReader(file))
    vectors = embeddings(a.model, a.tar, [r["path"] for r in rows])
    labels, splits = np.array([r["label"] for r in rows]), np.array([r["split"] for r in rows])
    query, gallery = splits == "query", splits == "gallery"
    leave_one_out = not (query.any() and gallery.any())
    if leave_one_out:
        query = gallery = np.ones(len(rows), bool)
    mean, first, count = scores(vectors[query], labels[query], vectors[gallery], labels[gallery], leave_one_out)
    print(f"{a.csv.stem}: mAP {100 * mean:.1f}  R@1 {100 * first:.1f}  ({count} queries, {gallery.sum()} in the gallery)")


if __name__ == "__main__":
    main()
