"""Projections: an embedder and photos without labels → smaller embeddings, fitted, chosen, and compared on labelled sets.

`fit` writes one projection for `nearsight build --projection FILE`; `table` fits every kind at every size on the training
photos, makes the choices on the tenth of them that is kept for it, and scores the result once on the labelled sets:

    python3 models/recipe/projections.py fit --model M.json --photos DIR --work DIR --kind pca --dim 64 --out projection.json
    python3 models/recipe/projections.py table --model M.json --photos DIR --work DIR --sets A.csv B.csv

`table` prints Markdown and writes DIR/projections-MODEL.md and .json. For another model the command is the same; embeddings
are kept in DIR. See PROJECTIONS.md for what came out.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import aesvc
import choices
import ss2d
import whitening
from affine import Affine
from embeddings import Embedder, embeddings, unit
from ranking import Scores, interval, labelled

SIZES = (32, 64, 128, 256)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
TEMPERATURES = (0.1, 0.2)
GALLERY_SHARES = (100, 300, 1000)
HIDDEN = 512


def sizes_for(dimension: int) -> list[int]:
    """A projection to as many dimensions as there are is a rotation at most, and worth a row; to more is nothing."""
    return [size for size in SIZES if size <= dimension]


def cut(vectors_dimension: int, dimension: int) -> Affine:
    return Affine("cut", np.eye(dimension, vectors_dimension), np.zeros(dimension))


def similarity_references(spread: whitening.Spread) -> dict:
    """Spaces whose neighbours (SS)2D may imitate: the embedding's own, and half whitened."""
    return {"own": lambda v: v, "half whitened": spread.map(min(len(spread.values), 512), 0.5).apply}


class Fits:
    """Every projection of one embedder, fitted on its training photos; choices are told as they are made.

    `steps` instead of the usual number makes learned heads useless and quick: for tests.
    """

    def __init__(self, training: choices.Training, steps: int | None = None):
        self.training, self.x = training, training.photos
        self.steps = {} if steps is None else {"steps": steps}
        self.spread = whitening.Spread.of(self.x)
        self.sizes = sizes_for(self.x.shape[1])
        self.largest, self.told = self.sizes[-1], {}

    def whitened(self) -> tuple[dict, float]:
        fits = {power: self.spread.map(self.largest, power) for power in POWERS}
        power, self.told["whitening power"] = choices.best(fits, self.training, self.sizes)
        return fits, power

    def distilled(self):
        """A linear head by the best setting, and one with a hidden layer by the same."""
        spaces = similarity_references(self.spread)
        fits = {}
        for name, space in spaces.items():
            wanted = space(self.x)
            for temperature in TEMPERATURES:
                fits[name, temperature] = ss2d.fit(self.x, wanted, self.largest, 0, temperature, **self.steps)
        setting, self.told["(SS)2D"] = choices.best(fits, self.training, self.sizes)
        wanted = spaces[setting[0]](self.x)
        return setting, fits[setting], ss2d.fit(self.x, wanted, self.largest, HIDDEN, setting[1], **self.steps)

    def rows(self):
        """(name of the method, {size: map of unit embeddings to unit vectors}), one after another."""
        width = self.x.shape[1]
        yield f"none, {width} numbers", {size: (lambda v: v) for size in self.sizes[-1:]}
        yield "cut", {size: cut(width, size).apply for size in self.sizes}
        fits, chosen = self.whitened()
        for power in POWERS:
            mark = ", chosen" if power == chosen else ""
            yield f"PCA, power {power:g}{mark}", prefixes(fits[power], self.sizes)
        setting, linear, deep = self.distilled()
        said = f"{setting[0]}, temperature {setting[1]:g}"
        yield f"(SS)2D, linear ({said})", prefixes(linear, self.sizes)
        yield f"(SS)2D, hidden {HIDDEN} ({said})", prefixes(deep, self.sizes)
        for hidden in (0, HIDDEN):
            name = f"hidden {hidden}" if hidden else "linear"
            yield f"AE-SVC, {name}", {size: aesvc.fit(self.x, size, hidden, **self.steps).apply for size in self.sizes}


def prefixes(fitted, sizes: list[int]) -> dict:
    def prefix(size):
        return lambda v: unit(fitted.raw(v)[:, :size])

    return {size: prefix(size) for size in sizes}


def of_gallery(gallery: np.ndarray, sizes: list[int]):
    """What can be fitted on a user's own photos, without labels: (name, {size: map})."""
    spread = whitening.Spread.of(gallery)
    for power in (0.0, 0.25, 0.5):
        yield f"PCA of the gallery, power {power:g}", prefixes(spread.map(sizes[-1], power), sizes)
    yield "(SS)2D of the gallery, linear (own, temperature 0.1)", prefixes(ss2d.fit(gallery, gallery, sizes[-1], temperature=0.1), sizes)
    # Small galleries, where shrinkage has something to do.
    order = np.random.default_rng(1).permutation(len(gallery))
    for count in GALLERY_SHARES:
        spread = whitening.Spread.of(gallery[order[:count]])
        for shrink in (None, 0.0):
            share = f"{spread.share:.2f}" if shrink is None else "none"
            name = f"PCA of {count} photos of the gallery, power 0.5, shrinkage {share}"
            yield name, prefixes(spread.map(sizes[-1], 0.5, shrink), sizes)


def cell(scores: Scores, whole: Scores) -> dict:
    names = {"map": scores.precision, "r_at_1": scores.first, "map_over_whole": scores.precision - whole.precision}
    return {name: vars(interval(values)) for name, values in names.items()}


def table(embedder: Embedder, photos: list[Path], sets: list[Path], work: Path) -> dict:
    """{set: {method: {size: {map, r_at_1, map_over_whole}}}}, and under `choices` what was chosen by which values."""
    middles, crops = (embeddings(embedder, photos, work, crops) for crops in (False, True))
    fits = Fits(choices.Training.of(middles, crops))
    asked = [labelled(path, embedder, work) for path in sets]
    results = {which.name: {} for which, _ in asked}
    whole = {which.name: which.score(rows.unit) for which, rows in asked}

    def note(which, rows, method, maps):
        scored = {size: cell(which.score(apply(rows.unit)), whole[which.name]) for size, apply in maps.items()}
        results[which.name][method] = scored
        said = "  ".join(f"{size}: {100 * s['map']['mean']:.1f} / {100 * s['r_at_1']['mean']:.1f}" for size, s in scored.items())
        print(f"{which.name:12} {method:44} {said}", flush=True)

    for method, maps in fits.rows():
        for which, rows in asked:
            note(which, rows, method, maps)
    for which, rows in asked:
        for method, maps in of_gallery(rows.unit[which.gallery], fits.sizes):
            note(which, rows, method, maps)
    results["choices"] = {name: {said_as(k): v for k, v in values.items()} for name, values in fits.told.items()}
    return results


def said_as(setting) -> str:
    return ", ".join(map(str, setting)) if isinstance(setting, tuple) else str(setting)


def markdown(results: dict, sizes: list[int]) -> str:
    """mAP / R@1 in percent with 95 % intervals, a table a set."""

    def say(value):
        return f"{100 * value['mean']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"

    lines = []
    for name, methods in results.items():
        if name == "choices":
            continue
        lines += [f"\n{name}, mAP / R@1\n", "| projection | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
        for method, scored in methods.items():
            cells = [f"{say(scored[s]['map'])} / {say(scored[s]['r_at_1'])}" if s in scored else "" for s in sizes]
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
    lines.append("\nchoices, mean reciprocal rank of kept photos for their crops\n")
    for name, values in results["choices"].items():
        lines.append(f"- {name}: " + ", ".join(f"{k}: {v:.4f}" for k, v in values.items()))
    return "\n".join(lines) + "\n"


def fit(kind: str, training: choices.Training, dimension: int, power: float, hidden: int):
    """One projection by the settings that PROJECTIONS.md found best."""
    if dimension > training.photos.shape[1]:
        raise SystemExit(f"--dim {dimension}: the embedder gives {training.photos.shape[1]} numbers")
    if kind == "pca":
        return whitening.fit(training.photos, dimension, power)
    if kind == "aesvc":
        return aesvc.fit(training.photos, dimension, hidden)
    return ss2d.fit(training.photos, training.photos, dimension, hidden, temperature=0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    for name in ("fit", "table"):
        part = what.add_parser(name)
        part.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
        part.add_argument("--photos", type=Path, nargs="+", required=True, help="training photos, without labels")
        part.add_argument("--work", type=Path, required=True, help="where embeddings are kept")
    one, all_of_them = what.choices["fit"], what.choices["table"]
    one.add_argument("--kind", choices=("pca", "aesvc", "ss2d"), default="pca")
    one.add_argument("--dim", type=int, required=True)
    one.add_argument("--power", type=float, default=0.5, help="of pca: 0 keeps the axes' scale, 1 makes all alike")
    one.add_argument("--hidden", type=int, default=0, help="of aesvc and ss2d: units of a hidden layer; the file is ONNX then")
    one.add_argument("--out", type=Path, required=True)
    all_of_them.add_argument("--sets", type=Path, nargs="+", required=True, help="CSVs of path,label,split beside their tars")
    a = parser.parse_args()
    torch.set_num_threads(1)
    embedder = Embedder.load(a.model)
    if a.what == "fit":
        middles, crops = (embeddings(embedder, a.photos, a.work, crops) for crops in (False, True))
        fit(a.kind, choices.Training.of(middles, crops), a.dim, a.power, a.hidden).save(a.out)
        print(f"{a.out}: {a.kind}, {middles.vectors.shape[1]} to {a.dim}")
        return
    results = table(embedder, a.photos, a.sets, a.work)
    sizes = sizes_for(embeddings(embedder, a.photos, a.work).vectors.shape[1])
    said = markdown(results, sizes)
    (a.work / f"projections-{embedder.name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (a.work / f"projections-{embedder.name}.md").write_text(said)
    print(said)


if __name__ == "__main__":
    main()
