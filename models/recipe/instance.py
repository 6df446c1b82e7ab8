"""Instance: what a crop of a photo changes is noise; axes are chosen and scaled by how little of it they carry.

Linear discriminant analysis with every photo as a class of its own: from unit embeddings of photos and of one crop of
each, the covariance within (photo minus crop) and over all photos. The axes are those with the largest ratio between the two; each is
scaled so that the noise has the same variance on all, to a power. No labels. Closed form.
"""

import numpy as np

import whitening
from affine import Affine


def fit(vectors: np.ndarray, crops: np.ndarray, dimension: int, power: float) -> Affine:
    x, y = vectors.astype(np.float64), crops.astype(np.float64)
    mean = x.mean(0)
    noise = (x - y) / np.sqrt(2)
    share = whitening.shrinkage(noise)
    within = noise.T @ noise / len(noise)
    within = (1 - share) * within + share * np.trace(within) / len(within) * np.eye(len(within))
    values, axes = np.linalg.eigh(within)
    # The noise to the power 1 is the discriminant; a part of it is milder, as with whitening.
    calm = (axes * np.maximum(values, 1e-9 * values.mean()) ** (-power / 2)) @ axes.T
    rotation = whitening.fit((x - mean) @ calm, dimension, 0.0, shrink=0.0)
    matrix = rotation.matrix @ calm
    return Affine("instance", matrix, rotation.offset - matrix @ mean)
