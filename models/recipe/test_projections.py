"""Embeddings, rankings and projections hold what their headers say. Needs no photos; under a minute:

    pip install -r models/recipe/requirements.txt scikit-learn
    python3 models/recipe/test_projections.py
"""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from PIL import Image
from sklearn.covariance import LedoitWolf

import aesvc
import choices
import embeddings as embedding_cache
import evaluate
import heads
import projections
import ranking
import ss2d
import whitening
from affine import Affine
from embeddings import Embedded, Embedder, embeddings, unit


def rows(count: int, dimension: int, seed: int, decay: float = 0.15) -> np.ndarray:
    """Unit rows whose axes carry less and less, away from the origin, in a random rotation."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, dimension)) * np.exp(-decay * np.arange(dimension))
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, dimension)))[0]
    return unit((x + 0.3) @ rotation).astype(np.float32)


def cosines(x: np.ndarray) -> np.ndarray:
    return x @ x.T


class Rankings(unittest.TestCase):
    def test_values_per_query_have_the_means_of_evaluate(self):
        rng = np.random.default_rng(1)
        vectors, names = rows(90, 8, 2), rng.integers(0, 12, 90)
        for own, both in ((np.arange(90), True), (None, False)):
            found = ranking.score(vectors, names, vectors, names, own, block=40)
            mean, first, count = evaluate.scores(vectors, names, vectors, names, both)
            self.assertEqual(len(found.precision), count)
            self.assertAlmostEqual(found.precision.mean(), mean, places=10)
            self.assertAlmostEqual(found.first.mean(), first, places=10)

    def test_an_interval_holds_the_mean_and_narrows_with_more_queries(self):
        rng = np.random.default_rng(3)
        few, many = (ranking.interval(rng.random(count)) for count in (50, 5000))
        for found in (few, many):
            self.assertTrue(found.low < found.mean < found.high)
        self.assertLess(many.high - many.low, (few.high - few.low) / 5)

    def test_a_gallery_of_other_rows_is_searched_with_the_same_photos_left_out(self):
        vectors, names = rows(40, 8, 4), np.arange(40) // 4
        everyone = ranking.Labelled("t", names, np.ones(40, bool), np.ones(40, bool))
        alike = everyone.score(vectors, vectors.copy())
        np.testing.assert_array_equal(alike.precision, everyone.score(vectors).precision)
        worse = everyone.score(vectors, rows(40, 8, 5))
        self.assertLess(worse.precision.mean(), alike.precision.mean() + 0.2)


class Whitening(unittest.TestCase):
    def test_the_share_is_that_of_scikit_learn(self):
        for count in (30, 200):
            x = rows(count, 24, count).astype(np.float64)
            x -= x.mean(0)
            self.assertAlmostEqual(whitening.shrinkage(x), LedoitWolf(assume_centered=True).fit(x).shrinkage_, places=10)

    def test_power_one_without_shrinkage_makes_every_axis_of_variance_one(self):
        x = rows(400, 12, 6)
        spread = np.cov(whitening.fit(x, 8, 1.0, shrink=0.0).raw(x).T, bias=True)
        np.testing.assert_allclose(spread, np.eye(8), atol=2e-4)

    def test_power_nought_keeps_the_distances_of_centred_vectors(self):
        x = rows(60, 10, 7)
        y = whitening.fit(x, 10, 0.0).raw(x)
        np.testing.assert_allclose(cosines(y), cosines(x - x.mean(0)), atol=1e-5)

    def test_a_prefix_is_the_smaller_fit(self):
        x = rows(300, 16, 8)
        large, small = whitening.fit(x, 12, 0.5), whitening.fit(x, 5, 0.5)
        np.testing.assert_allclose(large.prefix(5).apply(x), small.apply(x), atol=1e-6)

    def test_fewer_photos_than_dimensions_give_finite_rows(self):
        made = whitening.fit(rows(10, 32, 9), 32, 1.0, shrink=0.0)
        self.assertTrue(np.isfinite(made.matrix).all())
        self.assertLess(np.abs(made.matrix[12:]).max(), 1e-9)


class Files(unittest.TestCase):
    def test_a_saved_map_gives_the_same_rows(self):
        x = rows(200, 16, 10)
        made = whitening.fit(x, 6, 0.5)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "projection.json"
            made.save(path)
            said = json.loads(path.read_text())
            self.assertEqual((said["format"], said["kind"], said["input"], said["output"]), (1, "pca", 16, 6))
            self.assertEqual((len(said["matrix"]), len(said["offset"])), (96, 6))
            # Row by row: the first 16 numbers are the first output's.
            self.assertAlmostEqual(np.dot(said["matrix"][:16], x[0]) + said["offset"][0], made.raw(x)[0, 0], places=5)
            np.testing.assert_allclose(Affine.load(path).apply(x), made.apply(x), atol=1e-5)
            said["matrix"].pop()
            path.write_text(json.dumps(said))
            with self.assertRaisesRegex(SystemExit, "95 and 6 numbers, expected 96 and 6"):
                Affine.load(path)

    def test_a_hidden_layer_leaves_as_onnx_that_says_the_same(self):
        x = rows(200, 16, 11)
        head = aesvc.fit(x, 6, hidden=8, steps=5, batch=64)
        with tempfile.TemporaryDirectory() as folder:
            head.save(Path(folder) / "head.onnx")
            running = onnxruntime.InferenceSession(Path(folder) / "head.onnx", providers=["CPUExecutionProvider"])
            (given,) = running.run(None, {"embedding": x[:7]})
        np.testing.assert_allclose(given, head.apply(x[:7]), atol=1e-5)


class Learned(unittest.TestCase):
    def test_a_linear_ae_svc_comes_to_full_whitening_up_to_a_rotation(self):
        x = rows(1500, 12, 12)
        head = aesvc.fit(x, 5, steps=1500, batch=1500, rate=1e-2)
        spread = np.cov(head.raw(x).T)
        self.assertLess(np.abs(spread - np.eye(5)).max(), 0.2)
        whitened = whitening.fit(x, 5, 1.0).apply(x)
        self.assertGreater(np.corrcoef(cosines(head.apply(x)).ravel(), cosines(whitened).ravel())[0, 1], 0.95)

    def test_a_linear_head_as_an_affine_map_gives_the_same_rows(self):
        x = rows(300, 16, 13)
        head = ss2d.fit(x, x, 8, steps=30, batch=100)
        np.testing.assert_allclose(head.affine().apply(x), head.apply(x), atol=1e-4)

    def test_similarity_distillation_brings_a_short_prefix_nearer_than_pca(self):
        # Axes that carry alike: PCA cannot say which to keep, and cutting at 4 of 16 loses most of it.
        x = rows(600, 16, 14, decay=0.02)
        torch.manual_seed(1)
        head = ss2d.fit(x, x, 8, temperature=0.1, steps=300, batch=200, rate=3e-3)
        of, wanted = whitening.fit(x, 8, 0.0), torch.from_numpy(x)

        def loss(y):
            return float(ss2d.divergence(wanted, torch.from_numpy(np.float32(y)), 0.1))

        self.assertLess(loss(head.apply(x)), 0.9 * loss(of.apply(x)))
        self.assertLess(loss(x), 1e-5)

    def test_the_same_seed_gives_the_same_head(self):
        x = rows(200, 16, 15)
        first, again = (ss2d.fit(x, x, 8, steps=10, batch=64).apply(x) for _ in range(2))
        np.testing.assert_array_equal(first, again)


class Cache(unittest.TestCase):
    """With a network that gives the mean of each channel."""

    def made(self, folder: Path, side: int = 8) -> Path:
        nodes = [helper.make_node("GlobalAveragePool", ["x"], ["y"])]
        info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3, *s]) for n, s in (("x", (side, side)), ("y", (1, 1)))]
        model = helper.make_model(
            helper.make_graph(nodes, "mean", info[:1], info[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        )
        onnx.save(model, folder / "mean.onnx")
        said = {
            "name": "mean", "file": "mean.onnx", "input": "x", "input_type": "float32", "layout": "NCHW", "size": side,
            "resize": "crop", "mean": [0, 0, 0], "std": [1, 1, 1], "output": "y",
        }  # fmt: skip
        (folder / "mean.json").write_text(json.dumps(said))
        photos = folder / "photos"
        photos.mkdir()
        for i in range(20):
            Image.fromarray(np.full((12, 20, 3), [10 * i, 5, 250], np.uint8)).save(photos / f"{i:02}.png")
        return folder / "mean.json"

    def test_a_photo_is_embedded_once_and_comes_out_as_the_network_says(self):
        with tempfile.TemporaryDirectory() as folder:
            side = self.made(Path(folder))
            embedder, photos, work = Embedder.load(side), [Path(folder) / "photos"], Path(folder) / "work"
            first = embeddings(embedder, photos, work)
            np.testing.assert_allclose(first.vectors, [[10 * i / 255, 5 / 255, 250 / 255] for i in range(20)], atol=1e-6)
            asked = []
            embedder.running = type("Counted", (), {"run": lambda *_: asked.append(1)})()
            np.testing.assert_array_equal(embeddings(embedder, photos, work).vectors, first.vectors)
            self.assertEqual(asked, [])
            Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(photos[0] / "20.png")
            self.assertEqual(len(embeddings(Embedder.load(side), photos, work).names), 21)

    def test_a_picture_of_any_size_is_looked_at_in_the_middle_and_never_outside(self):
        with tempfile.TemporaryDirectory() as folder:
            for side in (7, 28):
                where = Path(folder) / str(side)
                where.mkdir()
                embedder = Embedder.load(self.made(where, side))
                for width in range(3, 60):
                    stripes = np.zeros((31, width, 3), np.uint8)
                    stripes[:, width // 2] = 255
                    prepared = embedder.prepare(Image.fromarray(stripes))
                    self.assertEqual(prepared.shape, (3, side, side))
                    self.assertGreater(prepared[:, :, side // 2 - 1 : side // 2 + 2].max(), 0.1)

    def test_a_crop_and_the_kept_tenth_depend_on_the_name_alone(self):
        self.assertEqual(embedding_cache.crop_box((40, 30), "a"), embedding_cache.crop_box((40, 30), "a"))
        self.assertNotEqual(embedding_cache.crop_box((40, 30), "a"), embedding_cache.crop_box((40, 30), "b"))
        names = np.array([f"n{i}" for i in range(3000)])
        kept = Embedded(names, np.zeros((3000, 1))).validation
        self.assertTrue(0.08 < kept.mean() < 0.12)
        np.testing.assert_array_equal(Embedded(names[::-1], np.zeros((3000, 1))).validation, kept[::-1])


class Tables(unittest.TestCase):
    def test_every_method_gives_unit_rows_of_every_size(self):
        x = rows(300, 40, 17)
        training = choices.Training(x[:250], x[250:], x[250:] + 0.01)
        fits = projections.Fits(training, steps=3)
        self.assertEqual(fits.sizes, [32])
        made = dict(fits.rows())
        self.assertGreaterEqual(len(made), 11)
        for name, maps in made.items():
            for size, apply in maps.items():
                y = apply(x)
                self.assertIn(y.shape[1], (size, 40), name)
                np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, atol=1e-5, err_msg=name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
