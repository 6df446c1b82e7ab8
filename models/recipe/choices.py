"""Choices: among settings of a projection, the one by which crops of kept photos find their photos best.

No label and neither labelled set takes part: the photos are the tenth that no projection is fitted on
(`Embedded.validation`), the queries one random crop of each. The measure is the mean reciprocal rank of the crop's own photo
among all kept photos. It rewards telling single photos apart more than gathering kinds of things, so
it leans to more whitening than labels would; PROJECTIONS.md says how far its choices were right.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from embeddings import Embedded, unit


@dataclass
class Training:
    """Unit embeddings of the photos to fit on, of those kept, and of one crop of each kept."""

    photos: np.ndarray
    kept_photos: np.ndarray
    kept_crops: np.ndarray

    @classmethod
    def of(cls, middles: Embedded, crops: Embedded) -> "Training":
        kept, x = middles.validation, middles.unit
        if not np.array_equal(middles.names[kept], crops.names):
            raise SystemExit("kept photos and crops differ in their names; embed both from the same sources")
        return cls(x[~kept], x[kept], crops.unit)


def found(apply: Callable[[np.ndarray], np.ndarray], training: Training) -> float:
    """Mean reciprocal rank of each kept photo for its own crop."""
    queries, gallery = apply(training.kept_crops), apply(training.kept_photos)
    similar = queries @ gallery.T
    own = similar.diagonal()[:, None]
    return float(np.mean(1 / (1 + (similar > own).sum(1))))


def best(fits: dict, training: Training, sizes: list[int]) -> tuple[object, dict]:
    """The key of `fits` (setting → fitted map, every prefix usable) with the best mean over the sizes, and all values."""
    values = {}
    for setting, fitted in fits.items():
        raw = fitted.raw

        def prefix(size):
            return lambda x: unit(raw(x)[:, :size])

        values[setting] = float(np.mean([found(prefix(size), training) for size in sizes]))
    return max(values, key=values.get), values
