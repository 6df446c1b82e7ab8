"""AE-SVC: an autoencoder whose inner layer is held to mean zero, variance one and no covariance; that layer is the projection.

After "Exploiting Distribution Constraints for Scalable and Efficient Image Retrieval" (Omama, Li, Chinchali, ICLR 2025): four
losses, on reconstruction, covariance, variance and mean of a batch. The claim is that cosine in such a layer tells
pictures better apart. Written from the idea; the weights below are this recipe's own.

With a linear encoder the constraints and the best reconstruction together ask for full whitening of the first principal axes, up to a
rotation, which cosine does not see (`test_projections.py` holds it to that). A hidden layer is what could add something.
"""

import numpy as np
import torch
from torch import nn

import heads

# On coordinates of unit variance all four terms are of order one at the start.
RECONSTRUCTION, COVARIANCE, VARIANCE, MEAN = 1.0, 1.0, 1.0, 1.0


def losses(z: torch.Tensor, x: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    mean = z.mean(0)
    covariance = (z - mean).T @ (z - mean) / (len(z) - 1)
    variances = covariance.diagonal()
    apart = (covariance.square().sum() - variances.square().sum()) / len(mean)
    return (
        RECONSTRUCTION * (again - x).square().mean()
        + COVARIANCE * apart
        + VARIANCE * (1 - variances).square().mean()
        + MEAN * mean.square().mean()
    )


def fit(
    vectors: np.ndarray, dimension: int, hidden: int = 0, steps: int = 1000, batch: int = 512, rate: float = 2e-3, seed: int = 1
) -> heads.Head:
    torch.manual_seed(seed)
    of = heads.basis(vectors)
    x = heads.coordinates(of, vectors)
    encoder = heads.make(x.shape[1], dimension, hidden)
    decoder = heads.make(dimension, x.shape[1], hidden) if hidden else nn.Linear(dimension, x.shape[1])

    def loss(rows):
        z = encoder(x[rows])
        return losses(z, x[rows], decoder(z))

    heads.descend([*encoder.parameters(), *decoder.parameters()], loss, len(x), steps, batch, rate, seed)
    return heads.Head("aesvc", of, encoder)
