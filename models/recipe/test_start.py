"""A student that is written to a file and read back. Run by hand:

    pip install -r models/recipe/requirements.txt
    python3 models/recipe/test_start.py
"""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import colour
import export
import start
import targets
from student import Student, as_input


def pictures(count: int, seed: int) -> np.ndarray:
    """Smooth random colours: unlike noise, they reach the deep layers as different values."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


def random_student() -> Student:
    """BatchNorms with statistics, weights and biases of all kinds, as after training."""
    torch.manual_seed(3)
    student = Student()
    for module in student.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    return student.eval()


@torch.no_grad()
def features(student: Student, views: np.ndarray) -> torch.Tensor:
    """What comes before the last layer."""
    x = as_input(views)
    for stage in student.stages:
        x = stage(x)
    return student.head.widen(x).mean((2, 3))


class Start(unittest.TestCase):
    def read_back(self, int8: bool) -> tuple[torch.Tensor, torch.Tensor, Student]:
        student, views = random_student(), pictures(8, 1)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            with torch.no_grad():
                made = export.build(student, np.eye(128, 256, dtype=np.float32), colour.Colour(), 1.0, int8)
                file.write_bytes(made.SerializeToString())
            again = start.student_of(file, [pictures(8, 2)])
        return features(student, views), features(again, views), again

    def test_a_file_of_floats_gives_the_network_that_was_written(self):
        written, read, _ = self.read_back(int8=False)
        self.assertLess((written - read).abs().max().item(), 1e-4 * written.abs().max().item())

    def test_a_file_of_int8_gives_it_but_for_the_rounding(self):
        written, read, _ = self.read_back(int8=True)
        cosine = torch.nn.functional.cosine_similarity(written, read)
        self.assertGreater(cosine.min().item(), 0.99)

    def test_every_norm_has_the_statistics_of_what_it_is_given(self):
        _, _, student = self.read_back(int8=False)
        norm, seen = student.stages[3][0].layers[1].norm, []
        norm.register_forward_hook(lambda _, given, __: seen.append(given[0]))
        features(student, pictures(8, 2))
        mean, variance = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3), unbiased=False)
        self.assertTrue(torch.allclose(norm.running_mean, mean, atol=1e-4))
        self.assertTrue(torch.allclose(norm.running_var, variance, rtol=1e-2, atol=1e-5))

    def test_a_file_of_another_network_is_refused_by_name(self):
        other = Path(__file__).parents[2] / "tests/fixtures/models/plain.onnx"
        with self.assertRaisesRegex(SystemExit, "stage1_0_0_weight is None.*made by this recipe"):
            start.student_of(other, [pictures(2, 2)])


class Targets(unittest.TestCase):
    class Teacher:
        asked = 0

        def lesson(self, views, borders):
            self.asked += 1
            return np.repeat(views[:, :1, 0, 0].astype(np.float32) + 1, 256, axis=1), []

    def test_the_teacher_is_asked_once_for_a_place_and_never_again_after_a_restart(self):
        teacher, views = self.Teacher(), pictures(4, 5)
        with tempfile.TemporaryDirectory() as folder:
            kept = targets.Targets(teacher, Path(folder), 0, 3, 4)
            first = kept.of(1, views)
            self.assertTrue((kept.of(1, views) == first).all())
            again = targets.Targets(teacher, Path(folder), 0, 3, 4)
            self.assertTrue((again.of(1, views) == first).all())
            self.assertEqual(teacher.asked, 1)
            again.of(2, views)
            self.assertEqual(teacher.asked, 2)

    def test_targets_of_another_run_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            targets.Targets(None, Path(folder), 0, 3, 4)
            with self.assertRaisesRegex(SystemExit, r"\(3, 4, 256\).*\(5, 4, 256\)"):
                targets.Targets(None, Path(folder), 0, 5, 4)


if __name__ == "__main__":
    unittest.main()
