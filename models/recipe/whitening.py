"""Whitening: unit embeddings → PCA, its axes scaled by their variance to a power, the covariance shrunk first.

Axis i of the centred embeddings is divided by (shrunk variance of i)^(power / 2): power 0 is plain PCA, 1 full whitening. Few photos
make the small variances too small and full whitening blows those axes up; Ledoit and Wolf's estimate (2004) draws
all variances towards their mean by the share that minimises the expected squared error of the covariance. With many photos
that share goes to nothing. Closed form, no labels, so it can be fitted on a user's own gallery too.
"""

from dataclasses import dataclass

import numpy as np

from affine import Affine


def shrinkage(centred: np.ndarray) -> float:
    """Ledoit and Wolf's share for rows of mean zero: 0 leaves the covariance alone, 1 makes all variances equal."""
    count, dimension = centred.shape
    covariance = centred.T @ centred / count
    mean = np.trace(covariance) / dimension
    distance = (covariance**2).sum() / dimension - mean**2
    # E |x x' - S|² / n, without building a matrix a row.
    squares = (centred**2).sum(1)
    noise = ((squares**2).mean() / dimension - (covariance**2).sum() / dimension) / count
    return float(min(max(noise, 0.0), distance) / distance) if distance > 0 else 0.0


@dataclass
class Spread:
    """Mean and covariance of some photos' embeddings, by axes; maps of any size and power follow from it at once."""

    mean: np.ndarray
    values: np.ndarray
    axes: np.ndarray
    share: float

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Spread":
        x = vectors.astype(np.float64)
        mean = x.mean(0)
        x -= mean
        values, axes = np.linalg.eigh(x.T @ x / len(x))
        values, axes = values[::-1], axes[:, ::-1]
        # The sign of an axis is arbitrary; its largest entry is made positive so that two machines agree.
        axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(len(values))])
        return cls(mean, values, axes, shrinkage(x))

    def map(self, dimension: int, power: float, shrink: float | None = None) -> Affine:
        """`shrink` None: Ledoit and Wolf's share. Axes in the order of their variance, so every prefix is a PCA too."""
        if dimension > len(self.values):
            raise ValueError(f"{dimension} dimensions of vectors that have {len(self.values)}")
        share, average = self.share if shrink is None else shrink, self.values.mean()
        values = self.values[:dimension]
        shrunk = (1 - share) * np.maximum(values, 0) + share * average
        # An axis without variance (fewer photos than dimensions) says nothing: it stays out rather than be blown up.
        scale = np.where(values > 1e-9 * average, np.maximum(shrunk, 1e-12) ** (-power / 2), 0)
        matrix = (self.axes[:, :dimension] * scale).T
        return Affine("pca", matrix, -matrix @ self.mean)


def fit(vectors: np.ndarray, dimension: int, power: float, shrink: float | None = None) -> Affine:
    return Spread.of(vectors).map(dimension, power, shrink)
