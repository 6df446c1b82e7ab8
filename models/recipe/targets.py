"""Targets: the teacher's answers to the views of `chain`, computed when a view comes first and kept for when it comes again.

In: the place of a step in the round of fresh steps, and its views. Out: unit rows, float32. Kept as half floats, one file a process; a row of
zeros is one that was not asked for yet. At 224 pixels the teacher costs more than a step of the student: kept targets make
a step twice as fast.
"""

from pathlib import Path

import numpy as np

from teacher import TARGET_DIMENSION


class Targets:
    def __init__(self, teacher, work: Path, rank: int, steps: int, batch: int):
        self.teacher = teacher
        path, shape = work / f"targets-{rank}.npy", (steps, batch, TARGET_DIMENSION)
        if path.exists():
            self.kept = np.load(path, mmap_mode="r+")
            if self.kept.shape != shape:
                raise SystemExit(f"{path} holds targets of {self.kept.shape} (steps, views, numbers), this run wants {shape}: remove it, or give the old numbers")
        else:
            self.kept = np.lib.format.open_memmap(path, "w+", np.float16, shape)

    def of(self, place: int, views: np.ndarray) -> np.ndarray:
        """Targets of the views of this place; the same views must come with the same place."""
        if not self.kept[place].any(axis=1).all():
            self.kept[place] = self.teacher.lesson(views, borders=False)[0]
        return self.kept[place].astype(np.float32)
