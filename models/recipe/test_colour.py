"""The colour branch: what it is taught, that it learns it, and that the file computes what was trained."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import colour
import export
from student import Student


def patches(seed: int) -> np.ndarray:
    """A picture of a few flat colours side by side."""
    rng = np.random.default_rng(seed)
    return np.repeat(np.repeat(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), 32, 0), 32, 1)


class FewPhotos:
    training, held_out = range(60), range(100, 120)

    def image(self, index):
        return Image.fromarray(patches(index))

    def middles(self, indices):
        return np.stack([patches(i) for i in indices])


class Shares(unittest.TestCase):
    def test_a_picture_of_one_colour_is_that_colour_and_nothing_else(self):
        row = colour.shares(np.full((32, 32, 3), 255, np.uint8))
        self.assertEqual((row[-1], row[:-1].any()), (1, False))

    def test_a_colour_between_two_counts_for_both(self):
        # 18 of 255 is 18 * 7 / 255 of the way from the first of eight shades of red to the second.
        row, share = colour.shares(np.full((32, 32, 3), (18, 0, 0), np.uint8)), 18 * 7 / 255
        self.assertAlmostEqual(row[64] ** 2, share, 5)
        self.assertAlmostEqual(row[0] ** 2, 1 - share, 5)

    def test_a_mirrored_picture_has_the_same_shares(self):
        sample = colour.samples(patches(1)[None])[0]
        self.assertTrue(np.allclose(colour.shares(sample), colour.shares(sample[::-1, ::-1]), atol=1e-6))

    def test_the_middle_counts_more_than_the_edge(self):
        black = np.zeros((32, 32, 3), np.uint8)
        middle, edge = black.copy(), black.copy()
        middle[12:20, 12:20] = edge[:2] = 255
        self.assertEqual((middle > 0).sum(), (edge > 0).sum())
        self.assertGreater(colour.shares(middle)[-1] ** 2, 4 * colour.shares(edge)[-1] ** 2)


class Branch(unittest.TestCase):
    def test_it_learns_the_colours_of_photos_it_has_not_seen_and_the_same_from_the_same_seed(self):
        said, states = io.StringIO(), []
        torch.set_num_threads(1)
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
                colour.teach(FewPhotos(), Path(folder), 40, 1)
                states.append(colour.kept(Path(folder)).state_dict())
        for name, values in states[0].items():
            self.assertTrue((values == states[1][name]).all(), name)
        first, last = (float(line.split("off by ")[1].split()[0]) for line in (said.getvalue().splitlines()[i] for i in (0, 39)))
        self.assertLess(last, 0.8 * first)

    def test_the_file_gives_what_was_trained_behind_the_content(self):
        torch.manual_seed(3)
        branch, scale = colour.Colour().eval(), 1.7
        with torch.no_grad():
            made = export.build(Student().eval(), np.eye(128, 256, dtype=np.float32), branch, scale, False)
            picture = patches(2)
            wanted = branch(torch.from_numpy(colour.samples(picture[None])))[0].numpy() * scale
        x = (picture.astype(np.float32) / 255 - np.float32(export.MEAN)) / np.float32(export.STD)
        (found,) = export.session(made.SerializeToString()).run(None, {"image": x.transpose(2, 0, 1)[None].copy()})
        self.assertEqual(found.shape, (1, export.DIMENSION))
        self.assertTrue(np.allclose(found[0, export.CONTENT :], wanted, atol=1e-5))


if __name__ == "__main__":
    unittest.main()
