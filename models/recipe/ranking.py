"""Ranking: query rows against gallery rows → one average precision and one R@1 a query, and means with intervals.

The protocol of `evaluate.py` and of `nearsight eval`: average precision over the full ranking; a query whose label nothing
else has does not count. Here it gives values per query, so that means get 95 % bootstrap intervals over queries (percentile, 1,000
samples) and two methods can be compared on the same queries: the interval of a paired difference is a fifth to a half of
the two separate ones. An interval speaks for the choice of queries; another set of photos is another measurement.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embeddings import Embedded, Embedder, embeddings

RESAMPLES = 1000


@dataclass
class Labelled:
    """A labelled set: its photos' names in the order of the rows that every embedder gives, and who is asked for whom."""

    name: str
    labels: np.ndarray
    query: np.ndarray
    gallery: np.ndarray

    @property
    def leave_one_out(self) -> bool:
        return bool((self.query & self.gallery).any())

    def score(self, vectors: np.ndarray, index: np.ndarray | None = None) -> "Scores":
        """Unit rows of all photos as queries; `index` holds other rows for the gallery's side, in the same order."""
        index = vectors if index is None else index
        own = np.cumsum(self.gallery)[self.query] - 1 if self.leave_one_out else None
        return score(vectors[self.query], self.labels[self.query], index[self.gallery], self.labels[self.gallery], own)


@dataclass
class Scores:
    """Values per query that counts, in the order of the queries, as shares of one."""

    precision: np.ndarray
    first: np.ndarray

    def __str__(self) -> str:
        return f"{interval(self.precision)} / {interval(self.first)}"


@dataclass
class Interval:
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def interval(values: np.ndarray, seed: int = 1) -> Interval:
    """Mean and 95 % bootstrap interval; of paired differences when `values` are differences."""
    rng, count = np.random.default_rng(seed), len(values)
    means = np.array([values[rng.integers(count, size=count)].mean() for _ in range(RESAMPLES)])
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(np.mean(values)), float(low), float(high))


def score(queries, query_labels, gallery, gallery_labels, own=None, block: int = 512) -> Scores:
    """`own`: the row of each query in the gallery, which is left out of its ranking; `None` where queries are apart."""
    precisions, firsts = [], []
    for start in range(0, len(queries), block):
        part = slice(start, start + block)
        similar = queries[part] @ gallery.T
        rows = np.arange(len(similar))
        if own is not None:
            similar[rows, own[part]] = -np.inf
        # Which of two equal rows comes first is left open: a stable order takes three times as long.
        order = np.argsort(-similar, axis=1)
        right = gallery_labels[order] == query_labels[part][:, None]
        if own is not None:
            # Its own photo stands last and is of its label.
            right[:, -1] = False
        found = right.sum(1)
        places = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
        counts = found > 0
        precisions.append((np.where(right, places, 0).sum(1)[counts] / found[counts]))
        firsts.append(right[counts, 0])
    return Scores(np.concatenate(precisions).astype(float), np.concatenate(firsts).astype(float))


def labelled(csv_file: Path, embedder: Embedder, work: Path) -> tuple[Labelled, Embedded]:
    """The set of a CSV of `path,label,split` with the tar or folder of the same name beside it, and its rows."""
    with open(csv_file, newline="") as file:
        rows = {r["path"]: r for r in csv.DictReader(file)}
    beside = [p for p in (csv_file.with_suffix(".tar"), csv_file.with_suffix("")) if p.exists()]
    if not beside:
        raise SystemExit(f"{csv_file}: expected {csv_file.stem}.tar or the folder {csv_file.stem} beside it")
    made = embeddings(embedder, [beside[0]], work)
    place = {name.split("/", 1)[1]: i for i, name in enumerate(made.names)}
    missing = rows.keys() - place.keys()
    if missing:
        raise SystemExit(f"{beside[0]}: {len(missing)} photos of the CSV are not in it, such as {min(missing)}")
    order = np.array([place[path] for path in rows])
    splits = np.array([r["split"] for r in rows.values()])
    query, gallery = splits == "query", splits == "gallery"
    if not (query.any() and gallery.any()):
        query = gallery = np.ones(len(rows), bool)
    which = Labelled(csv_file.stem, np.array([r["label"] for r in rows.values()]), query, gallery)
    return which, Embedded(made.names[order], made.vectors[order])
