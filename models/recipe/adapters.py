"""Adapters: photos with the embeddings of two models → a map from one model's space into the other's.

Fitted on pairs, row by row the same photo; unit rows in, unit rows out. `ridge` and `procrustes` are affine maps in closed
form, which the product can keep in an index and apply without any network; `network` has a hidden layer.
"""

import numpy as np
import torch
import torch.nn.functional as F

import heads
import whitening
from affine import Affine

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)


def ridge(source: np.ndarray, target: np.ndarray, strength: float) -> Affine:
    """Least squares with a penalty of `strength` times the mean variance of the source."""
    x, y = source.astype(np.float64), target.astype(np.float64)
    mean, aim = x.mean(0), y.mean(0)
    x, y = x - mean, y - aim
    covariance = x.T @ x / len(x)
    covariance[np.diag_indices_from(covariance)] += strength * np.trace(covariance) / len(covariance)
    matrix = np.linalg.solve(covariance, x.T @ y / len(x)).T
    return Affine("ridge", matrix, aim - matrix @ mean)


def procrustes(source: np.ndarray, target: np.ndarray) -> Affine:
    """The rotation that brings the source's first principal axes nearest to the target: cosines within it stay."""
    axes = whitening.fit(source, target.shape[1], 0.0)
    aim = target.astype(np.float64).mean(0)
    x = axes.raw(source).astype(np.float64)
    u, values, v = np.linalg.svd(x.T @ (target - aim))
    # One scale for all, so that what is added afterwards, the target's mean, has its weight.
    rotation = (u @ v).T * (values.sum() / (x**2).sum())
    return Affine("procrustes", rotation, aim).after(axes)


def network(
    source: np.ndarray, target: np.ndarray, hidden: int = 512, steps: int = 1500, batch: int = 512, rate: float = 1e-3, seed: int = 1
) -> heads.Head:
    """One hidden layer, taught by 1 - cosine."""
    torch.manual_seed(seed)
    of = heads.basis(source)
    x, y = heads.coordinates(of, source), torch.from_numpy(target.astype(np.float32))
    head = heads.make(x.shape[1], target.shape[1], hidden)

    def loss(rows):
        return 1 - F.cosine_similarity(head(x[rows]), y[rows]).mean()

    heads.descend(head.parameters(), loss, len(x), steps, batch, rate, seed)
    return heads.Head("network", of, head)
