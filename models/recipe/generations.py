"""Generations: an old and a new model, and photos without labels → one query over old rows, new rows and any mixture.

An index was built by the old model; queries now come from the new one, and rows are embedded anew bit by bit. Four ways to
let one query search all rows at every step, all fitted on photos that have both embeddings:

- `query to old`: an adapter brings new vectors, queries and rows, into the old space (ridge, procrustes, network).
- `compatible`: the new model's last layer is trained so that its vectors rank old and new rows alike (compatible.py).
- `rows to new`: an adapter brings the old rows into the new space, without their pictures; queries and new rows stay
  as the new model gives them, so the finished upgrade is a rebuild.
- `untouched`: nothing is done; only for models of one dimension, to show what happens.

    python3 models/recipe/generations.py --old OLD.json --new NEW.json --dim 128 --photos DIR --work DIR --sets A.csv B.csv

scores every share of re-embedded rows: mAP and R@1 with 95 % intervals, and the share of the old model's own mAP.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import torch

import adapters
import compatible
import heads
import whitening
from embeddings import Embedder, embeddings
from ranking import RESAMPLES, Interval, Labelled, Scores, interval, labelled

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
Rows = Callable[[np.ndarray], np.ndarray]


@dataclass
class Way:
    """How queries (new embeddings), rows not yet re-embedded (old ones) and those that are (new ones) become comparable."""

    name: str
    query: Rows
    old_rows: Rows
    new_rows: Rows


def same(vectors: np.ndarray) -> np.ndarray:
    return vectors


@dataclass
class Pairs:
    """Photos with both embeddings, unit rows; the kept ones choose settings."""

    old: np.ndarray
    new: np.ndarray
    kept_old: np.ndarray
    kept_new: np.ndarray


def agreement(way: Way, pairs: Pairs, space: Rows) -> float:
    """How well new vectors find, among kept rows of which half are old, the ten neighbours that `space` gives.

    `space` is the new model's own: the share of the ten that are among the ten found. No label takes part.
    """
    wanted = space(pairs.kept_new)
    queries, rows = way.query(pairs.kept_new), way.old_rows(pairs.kept_old)
    swapped = np.random.default_rng(2).random(len(rows)) < 0.5
    rows = np.where(swapped[:, None], way.new_rows(pairs.kept_new), rows)

    count = min(10, len(rows) - 2)

    def nearest(similar):
        np.fill_diagonal(similar, -np.inf)
        return np.argpartition(-similar, count, axis=1)[:, :count]

    found, right = nearest(queries @ rows.T), nearest(wanted @ wanted.T)
    return float(np.mean([len(np.intersect1d(a, b)) / count for a, b in zip(found, right)]))


def ways(pairs: Pairs, space: Rows, learned: bool = True, steps: int | None = None):
    """Every way, fitted on `pairs`; `space` is the new model's own (its projection), in which a rebuild would live."""
    more = {} if steps is None else {"steps": steps}
    new = space(pairs.new)

    def to_old(name, made):
        return Way(f"query to old, {name}", made.apply, same, made.apply)

    def to_new(name, made):
        return Way(f"rows to new, {name}", space, made.apply, space)

    def chosen(candidates):
        return max(candidates, key=lambda way: agreement(way, pairs, space))

    if new.shape[1] == pairs.old.shape[1]:
        yield Way("untouched", space, same, space)
    forward = {s: adapters.ridge(pairs.new, pairs.old, s) for s in adapters.RIDGES}
    yield chosen([to_old(f"ridge {s:g}", made) for s, made in forward.items()])
    yield to_old("procrustes", adapters.procrustes(pairs.new, pairs.old))
    backward = {s: adapters.ridge(pairs.old, new, s) for s in adapters.RIDGES}
    yield chosen([to_new(f"ridge {s:g}", made) for s, made in backward.items()])
    if not learned:
        return
    yield to_old("network", adapters.network(pairs.new, pairs.old, **more))
    start = forward[1e-2]
    layers = {a: compatible.fit(pairs.new, new, pairs.old, start, a, **more) for a in (0.0, 1.0)}
    yield chosen([Way(f"compatible, anchor {a:g}", h.apply, same, h.apply) for a, h in layers.items()])
    yield to_new("ranking", compatible.rows_to_new(pairs.old, new, backward[1e-2], **more))


def states(which: Labelled, way: Way, old: np.ndarray, new: np.ndarray) -> dict[float, Scores]:
    """Scores at every share of re-embedded rows; those of a smaller share are among those of a larger one."""
    queries, before, after = way.query(new), way.old_rows(old), way.new_rows(new)
    order = np.random.default_rng(1).random(len(old))
    return {share: which.score(queries, np.where(order[:, None] < share, after, before)) for share in SHARES}


def ratio(scores: Scores, reference: Scores, seed: int = 1) -> Interval:
    """mAP as a share of the reference's, on the same drawn queries each time."""
    rng, count = np.random.default_rng(seed), len(reference.precision)
    drawn = [rng.integers(count, size=count) for _ in range(RESAMPLES)]
    values = [scores.precision[d].mean() / reference.precision[d].mean() for d in drawn]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(scores.precision.mean() / reference.precision.mean()), float(low), float(high))


def pairs_of(old: Embedder, new: Embedder, photos: list[Path], work: Path) -> Pairs:
    before, after = (embeddings(embedder, photos, work) for embedder in (old, new))
    if not np.array_equal(before.names, after.names):
        raise SystemExit("the two models read different photos of the same sources; see which were unreadable")
    kept = before.validation
    return Pairs(before.unit[~kept], after.unit[~kept], before.unit[kept], after.unit[kept])


def narrowed(new: np.ndarray) -> Rows:
    """Wide embeddings as their first 512 principal coordinates, which hold nearly all and cost a tenth to work with."""
    return whitening.fit(new, heads.BASIS, 0.0).raw if new.shape[1] > heads.BASIS else same


def own_space(new: np.ndarray, dimension: int) -> Rows:
    """The new model's space as it would be shipped: half-whitened PCA where it is too wide, else as it is."""
    return whitening.fit(new, dimension, 0.5).apply if new.shape[1] > dimension else same


class Trial:
    """Both models' embeddings of the labelled sets, and where the figures go: `report(set, way, state, scores, reference)`."""

    def __init__(self, old: Embedder, new: Embedder, dimension: int, photos: list[Path], sets: list[Path], work: Path, report):
        self.pairs, self.report, self.asked = pairs_of(old, new, photos, work), report, []
        narrow = narrowed(self.pairs.new)
        self.pairs.new, self.pairs.kept_new = narrow(self.pairs.new), narrow(self.pairs.kept_new)
        self.space = own_space(self.pairs.new, dimension)
        for path in sets:
            (which, before), (_, after) = labelled(path, old, work), labelled(path, new, work)
            self.asked.append((which, before.unit, narrow(after.unit), which.score(before.unit)))

    def ends(self) -> None:
        for which, before, after, reference in self.asked:
            self.report(which.name, "", "old/old", reference, reference)
            self.report(which.name, "", "new/new, a rebuild", which.score(self.space(after)), reference)

    def run(self, way: Way, which, before, after, reference, suffix: str = "") -> None:
        for share, scores in states(which, way, before, after).items():
            state = "new/old" if share == 0 else f"{100 * share:.0f} % re-embedded"
            self.report(which.name, way.name + suffix, state, scores, reference)

    def by_photos(self) -> None:
        """Fitted on training photos, which a new model could bring along as a finished adapter."""
        for way in ways(self.pairs, self.space):
            for one in self.asked:
                self.run(way, *one)

    def by_gallery(self, count: int) -> None:
        """Fitted on some of the index's own pictures, embedded by both models before the first step: alone, and with as
        much weight beside the training photos. A fifth of them is kept for the choice of settings."""
        for which, before, after, reference in self.asked:
            own = np.random.default_rng(3).permutation(np.flatnonzero(which.gallery))[:count]
            kept, fitted = own[: len(own) // 5], own[len(own) // 5 :]
            alone = Pairs(before[fitted], after[fitted], before[kept], after[kept])
            weight = max(1, len(self.pairs.old) // len(fitted))
            beside = Pairs(
                np.concatenate([self.pairs.old, np.tile(alone.old, (weight, 1))]),
                np.concatenate([self.pairs.new, np.tile(alone.new, (weight, 1))]),
                alone.kept_old,
                alone.kept_new,
            )
            for pairs, suffix in ((alone, f"{len(own)} of the gallery"), (beside, f"photos and {len(own)} of the gallery")):
                for way in ways(pairs, self.space, learned=False):
                    if way.name != "untouched":
                        self.run(way, which, before, after, reference, f", {suffix}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--old", type=Path, required=True, help="sidecar of the model that made the index")
    parser.add_argument("--new", type=Path, required=True, help="sidecar of the model that is to follow")
    parser.add_argument("--dim", type=int, default=128, help="the new model's space: PCA to this, where it gives more")
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="training photos, without labels")
    parser.add_argument("--work", type=Path, required=True, help="where embeddings are kept")
    parser.add_argument("--sets", type=Path, nargs="+", required=True, help="CSVs of path,label,split beside their tars")
    parser.add_argument("--gallery-pairs", type=int, default=500)
    a = parser.parse_args()
    torch.set_num_threads(1)
    old, new = Embedder.load(a.old), Embedder.load(a.new)
    kept, lines = [], ["| set | way | state | mAP | R@1 | share of old/old's mAP |", "|---|---|---|---|---|---|"]

    def report(name, way, state, scores, reference):
        values = {"map": interval(scores.precision), "r_at_1": interval(scores.first), "share": ratio(scores, reference)}
        kept.append({"set": name, "way": way, "state": state, **{k: vars(v) for k, v in values.items()}})
        lines.append(f"| {name} | {way} | {state} | {values['map']} | {values['r_at_1']} | {values['share']} |")
        print(lines[-1], flush=True)

    trial = Trial(old, new, a.dim, a.photos, a.sets, a.work, report)
    trial.ends()
    trial.by_gallery(a.gallery_pairs)
    trial.by_photos()
    stem = f"generations-{old.name}-{new.name}-{a.dim}"
    (a.work / f"{stem}.json").write_text(json.dumps(kept, indent=1) + "\n")
    (a.work / f"{stem}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
