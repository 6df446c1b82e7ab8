"""(SS)2D: a head whose every prefix ranks a batch as the full embedding does.

After the second method of "Exploiting Distribution Constraints for Scalable and Efficient Image Retrieval" (Omama, Li, Chinchali, ICLR
2025), similarity-space distillation: each photo's cosines to the others of a batch, through a softmax, are a
distribution; the head is asked for the same distribution at every size, by Kullback-Leibler divergence summed over
the sizes. One training serves all of them: cutting the vector and bringing it back to unit length is enough.

What is imitated (`reference`) may be the embedding itself, or a better space made from it: the paper's own order is AE-SVC
first; half whitening is the other candidate here.
"""

import numpy as np
import torch
import torch.nn.functional as F

import heads

SIZES = (32, 64, 128, 256)


def divergence(reference: torch.Tensor, z: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean over rows of KL(reference's neighbours || z's neighbours); no photo is its own neighbour. Both of unit length."""
    own = torch.eye(len(z), dtype=torch.bool)
    wanted = (reference @ reference.T / temperature).masked_fill(own, -1e4).log_softmax(1)
    given = (z @ z.T / temperature).masked_fill(own, -1e4).log_softmax(1)
    return F.kl_div(given, wanted, reduction="batchmean", log_target=True)


def fit(
    vectors: np.ndarray, reference: np.ndarray, dimension: int, hidden: int = 0, temperature: float = 0.05,
    steps: int = 800, batch: int = 512, rate: float = 1e-3, seed: int = 1,
) -> heads.Head:  # fmt: skip
    """`reference`: unit rows, one for each of `vectors`, in the space whose neighbours are wanted."""
    torch.manual_seed(seed)
    of = heads.basis(vectors)
    x, wanted = heads.coordinates(of, vectors), torch.from_numpy(reference.astype(np.float32))
    head = heads.make(x.shape[1], dimension, hidden)
    sizes = sorted({size for size in SIZES if size < dimension} | {dimension})

    def loss(rows):
        z = head(x[rows])
        return sum(divergence(wanted[rows], F.normalize(z[:, :size]), temperature) for size in sizes)

    heads.descend(head.parameters(), loss, len(x), steps, batch, rate, seed)
    return heads.Head("ss2d", of, head)
