"""Colour: a small branch beside the student that answers for a picture's colours.

The teacher was trained to name objects, whatever their colour, and a student that learns from it hardly answers for colour. People who
search by picture expect it to count. So the branch is taught something that counts nothing else: the square roots of the shares of
8 x 8 x 8 colours (products of two such rows are the Bhattacharyya coefficient), each pixel shared among the eight nearest, on the 64 axes along
which training photos differ most, half whitened. Colours near the middle count more, as what is shown is mostly there and what is behind it is not:
each pixel counts as often as windows of 17 x 17, moved by 5, cover it. Without that, rendered things before a red wall looked like one another.

In: uint8 pictures, N x 128 x 128 x 3, of which every fourth pixel of every fourth row is looked at. Out: N x 64. Two layers a pixel, their weighted mean over the
picture, two layers more: the mean alone is linear in the shares, and the roots are not.
"""

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from photos import SIDE, middle_square, random_crop
from student import MEAN, STD

STEP = 4
GRID = SIDE // STEP
# A mean of windows' means gives the weights, so that the file needs nothing but pooling.
WINDOW, MOVED = 17, 5
BINS = 8
PIXEL_WIDTHS = (32, 64)
MIDDLE = 256
OUTPUTS = 64
WHITENING = 0.5
BATCH = 64
PEAK = 3e-3


def samples(pictures: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pictures[:, ::STEP, ::STEP])


def _weights() -> np.ndarray:
    """How much each of the 32 x 32 pixels counts; their sum is 1."""
    line = np.zeros(GRID)
    for start in range(0, GRID - WINDOW + 1, MOVED):
        line[start : start + WINDOW] += 1
    return np.outer(line, line).ravel() / line.sum() ** 2


WEIGHTS = _weights()


def shares(sample: np.ndarray) -> np.ndarray:
    """Square roots of the shares of the colours among the pixels of one picture: 512 numbers, unit length."""
    place = sample.reshape(-1, 3).astype(np.float32) * np.float32((BINS - 1) / 255)
    low = np.minimum(place.astype(np.int64), BINS - 2)
    above = place - low
    counts = np.zeros(BINS**3)
    for corner in np.ndindex(2, 2, 2):
        share = np.where(corner, above, 1 - above).prod(1) * WEIGHTS
        counts += np.bincount((low + corner) @ (BINS * BINS, BINS, 1), weights=share, minlength=BINS**3)
    return np.sqrt(counts).astype(np.float32)


class Axes:
    """The axes along which `rows` differ most, half whitened, scaled so that their outputs have a mean square length of 1."""

    def __init__(self, rows: np.ndarray):
        self.mean = rows.mean(0, dtype=np.float64)
        centred = rows - self.mean
        values, vectors = np.linalg.eigh(centred.T @ centred / len(rows))
        values, vectors = values[::-1][:OUTPUTS], vectors[:, ::-1][:, :OUTPUTS]
        self.matrix = vectors * np.maximum(values, 1e-9) ** (-WHITENING / 2)
        self.matrix /= np.sqrt(np.square(centred @ self.matrix).sum(1).mean())

    def of(self, rows: np.ndarray) -> np.ndarray:
        return ((rows - self.mean) @ self.matrix).astype(np.float32)


class Colour(nn.Module):
    """In: uint8 samples, N x 32 x 32 x 3, as a tensor. Out: N x 64."""

    def __init__(self):
        super().__init__()
        widths = (3, *PIXEL_WIDTHS, MIDDLE, OUTPUTS)
        self.weights = torch.from_numpy(WEIGHTS[:, None].astype(np.float32))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, sample):
        first, second, third, last = self.layers
        x = (sample.flatten(1, 2).float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        x = (F.relu6(second(F.relu6(first(x)))) * self.weights).sum(1)
        return last(F.relu6(third(x)))


def _views(photos, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of every training photo: of its middle square, and of a random crop in perhaps another light."""
    rng, found = np.random.default_rng([seed, 3]), []
    for index in photos.training:
        image = photos.image(index)
        found += [middle_square(image), random_crop(image, rng)]
    found = samples(np.stack(found))
    return found, np.stack([shares(sample) for sample in found])


def kept(work: Path) -> Colour:
    """The trained branch."""
    branch = Colour()
    branch.load_state_dict(torch.load(work / "colour.pt"))
    return branch.eval()


def teach(photos, work: Path, epochs: int, seed: int) -> None:
    """Train the branch and keep it in `colour.pt`. Does nothing when it is there: it is a matter of minutes, so there are no checkpoints."""
    checkpoint = work / "colour.pt"
    if checkpoint.exists():
        return
    torch.manual_seed(seed)
    branch = Colour()
    views, rows = _views(photos, seed)
    axes = Axes(rows)
    views, targets = torch.from_numpy(views), torch.from_numpy(axes.of(rows))
    held = samples(photos.middles(photos.held_out))
    asked = torch.from_numpy(axes.of(np.stack([shares(sample) for sample in held])))
    held = torch.from_numpy(held)
    optimiser = torch.optim.AdamW(branch.parameters(), weight_decay=1e-4)
    # Warm up over 3 %, then a straight line down to nothing.
    steps = max(1, len(views) // BATCH) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps, pct_start=0.03, anneal_strategy="linear", cycle_momentum=False)
    began = time.monotonic()
    for epoch in range(epochs):
        for chosen in torch.randperm(len(views))[: steps // epochs * BATCH].split(BATCH):
            loss = F.mse_loss(branch(views[chosen]), targets[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            off = (branch(held) - asked).square().sum(1).mean() / asked.square().sum(1).mean()
        print(f"colour {epoch + 1}/{epochs}: off by {off:.3f} of the variance of held-out photos, {time.monotonic() - began:.0f} s", flush=True)
    torch.save(branch.state_dict(), checkpoint.with_suffix(".part"))
    checkpoint.with_suffix(".part").replace(checkpoint)
