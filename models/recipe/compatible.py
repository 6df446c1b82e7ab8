"""Compatible: a last layer for a new model whose vectors rank rows of the old model and of its own alike.

Backward-compatible training, as far as the last layer can show it: the old embeddings stay as they are and serve as fixed
targets. For each batch some photos are played by their old row, the others by their new one, in a share drawn anew, as in
an index that is half re-embedded. Each new vector is asked for its neighbours among these rows: the distribution over the
batch that the new model's own space gives (Kullback-Leibler divergence), so that a better model may rank old rows better than the
old one did. Where `anchor` is more than nothing, 1 - cosine to the photo's own old row is added.

`rows_to_new` is the other direction: a map of old rows into the new space by the same loss, with the new rows as they are.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import heads
from affine import Affine


def begin_at(head: nn.Linear, of: Affine, start: Affine) -> None:
    """Set a linear head so that it says what `start` says of the embeddings (in as far as the coordinates hold them)."""
    scale = np.linalg.norm(of.matrix[0])
    axes = of.matrix / scale
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(np.float32(start.matrix @ axes.T / scale)))
        mean = -np.linalg.lstsq(of.matrix, of.offset, rcond=None)[0]
        head.bias.copy_(torch.from_numpy(np.float32(start.offset + start.matrix @ mean)))


def ranking_loss(wanted: torch.Tensor, queries: torch.Tensor, rows: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL between the neighbours that `wanted` has within itself and those that queries find among `rows`."""
    own = torch.eye(len(wanted), dtype=torch.bool)
    target = (wanted @ wanted.T / temperature).masked_fill(own, -1e4).log_softmax(1)
    given = (queries @ rows.T / temperature).masked_fill(own, -1e4).log_softmax(1)
    return F.kl_div(given, target, reduction="batchmean", log_target=True)


def fit(
    source: np.ndarray, wanted: np.ndarray, old: np.ndarray, start: Affine, anchor: float = 0.0, temperature: float = 0.1,
    steps: int = 800, batch: int = 512, rate: float = 5e-4, seed: int = 1,
) -> heads.Head:  # fmt: skip
    """`source`: what the layer reads; `wanted`: the new model's space; `old`: the fixed rows; `start`: source → old."""
    of, x = _coordinates(source)
    w, o = (torch.from_numpy(v.astype(np.float32)) for v in (wanted, old))
    head = nn.Linear(x.shape[1], old.shape[1])
    begin_at(head, of, start)
    rng = np.random.default_rng(seed)

    def loss(rows):
        z = F.normalize(head(x[rows]))
        played_new = torch.from_numpy(rng.random(len(rows)) < rng.random())[:, None]
        value = ranking_loss(w[rows], z, torch.where(played_new, z, o[rows]), temperature)
        return value + anchor * (1 - (z * o[rows]).sum(1).mean())

    heads.descend(head.parameters(), loss, len(x), steps, batch, rate, seed)
    return heads.Head("compatible", of, head)


def rows_to_new(
    old: np.ndarray, new: np.ndarray, start: Affine, temperature: float = 0.1,
    steps: int = 800, batch: int = 512, rate: float = 5e-4, seed: int = 1,
) -> heads.Head:  # fmt: skip
    """A map of old rows such that new vectors find among them what they find among new rows."""
    of, x = _coordinates(old)
    n = torch.from_numpy(new.astype(np.float32))
    head = nn.Linear(x.shape[1], new.shape[1])
    begin_at(head, of, start)
    rng = np.random.default_rng(seed)

    def loss(rows):
        z = F.normalize(head(x[rows]))
        played_new = torch.from_numpy(rng.random(len(rows)) < rng.random())[:, None]
        return ranking_loss(n[rows], n[rows], torch.where(played_new, n[rows], z), temperature)

    heads.descend(head.parameters(), loss, len(x), steps, batch, rate, seed)
    return heads.Head("rows", of, head)


def _coordinates(vectors: np.ndarray) -> tuple[Affine, torch.Tensor]:
    of = heads.basis(vectors)
    return of, heads.coordinates(of, vectors)
