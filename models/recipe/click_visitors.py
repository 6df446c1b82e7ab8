"""Click visitors: a labelled set → the events of people who search for pictures of half of its classes, and click.

A visitor searches with a picture, is shown the 24 nearest by the present vectors, looks at position p with the chance
1 / (1 + p) ** bias, and clicks what is looked at: of the wanted label mostly, of another now and then. Events are written exactly as
the server keeps them, one body a line, so that the whole way is tried: query pictures that are in the index by their id, others as
shared embeddings in signed bytes. Ids are row numbers of the set.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import click_log
from ranking import Labelled

SHOWN = 24
BIAS = 0.7
WANTED, UNWANTED = 0.5, 0.03


def counted(which: Labelled) -> np.ndarray:
    """Of the queries, those that have something to find: the ones that scores hold."""
    labels, found = np.unique(which.labels[which.gallery], return_counts=True)
    enough = set(labels[found > which.leave_one_out])
    return np.array([label in enough for label in which.labels[which.query]])


@dataclass
class Fold:
    """All masks are over the rows of the set. `asked`: queries that visitors make; the others are held out."""

    which: Labelled
    asked: np.ndarray
    other_queries: np.ndarray
    other_classes: np.ndarray

    @classmethod
    def of(cls, which: Labelled, half: int) -> "Fold":
        def coin(text):
            return hashlib.sha256(text.encode()).digest()[0] % 2

        classes = np.unique(which.labels)
        side = dict(zip(classes, np.random.default_rng(5).permutation(len(classes)) % 2))
        searched = np.array([side[label] == half for label in which.labels])
        first = np.array([coin(f"query {i}") for i in range(len(which.labels))], bool)
        return cls(which, searched & first & which.query, searched & ~first & which.query, ~searched & which.query)


def write(path: Path, fold: Fold, vectors: np.ndarray, count: int, bias: float, seed: int = 1) -> None:
    """`count` searches; popular queries come more often (Zipf, 0.8). A session makes five."""
    rng, which = np.random.default_rng(seed), fold.which
    asked = rng.permutation(np.flatnonzero(fold.asked))
    popular = 1 / np.arange(1, len(asked) + 1) ** 0.8
    ids = np.flatnonzero(which.gallery)
    with open(path, "w") as file:

        def say(kind, **fields):
            file.write(json.dumps({"type": kind, **fields}) + "\n")

        for number, query in enumerate(rng.choice(asked, count, p=popular / popular.sum())):
            similar = vectors[ids] @ vectors[query]
            similar[ids == query] = -np.inf
            shown = ids[np.argsort(-similar, kind="stable")[:SHOWN]]
            session, search, at = f"s{number // 5}", f"q{number}", float(number)
            known = bool(which.gallery[query])
            told = {"image_id": int(query)} if known else {"embedding": click_log.encode_embedding(vectors[query])}
            say(
                "impression", event_id=f"i{number}", session=session, search_id=search, epoch=0, query=told,
                shown=[{"image_id": int(i), "position": p, "cell": 0} for p, i in enumerate(shown)],
                probed=[0], scanned=len(ids), took_ms=1.0, at=at,
            )  # fmt: skip
            for p, i in enumerate(shown):
                wanted = WANTED if which.labels[i] == which.labels[query] else UNWANTED
                if rng.random() < wanted / (1 + p) ** bias:
                    say(
                        "click", event_id=f"c{number}-{p}", session=session, search_id=search, image_id=int(i), position=p, at=at
                    )  # fmt: skip
