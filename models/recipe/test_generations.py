"""Adapters and compatible layers make old and new rows comparable. Needs no photos; under a minute:

    python3 models/recipe/test_generations.py
"""

import unittest

import numpy as np
import torch

import adapters
import compatible
import generations
import heads
import whitening
from embeddings import unit
from ranking import Labelled


def rotated(count: int, seed: int, noise: float = 0.0):
    """Rows of an old model with 12 numbers and of a new one with 20, which knows the same in another rotation."""
    rng, maps = np.random.default_rng(seed), np.random.default_rng(0)
    names = rng.integers(0, 15, count)
    things = np.random.default_rng(9).normal(size=(15, 8))[names] + 0.6 * rng.normal(size=(count, 8))
    old = unit(things @ maps.normal(size=(8, 12)) + noise * rng.normal(size=(count, 12)) + 0.5)
    new = unit(things @ maps.normal(size=(8, 20)) + 0.3)
    return names, old.astype(np.float32), new.astype(np.float32)


class Adapters(unittest.TestCase):
    def test_an_affine_relation_is_found(self):
        x = np.random.default_rng(1).normal(size=(300, 6))
        y = x @ np.random.default_rng(2).normal(size=(6, 4)) + 3
        made = adapters.ridge(x, y, 1e-9)
        np.testing.assert_allclose(made.raw(x), y, atol=1e-3)

    def test_a_rotation_is_found(self):
        x = unit(np.random.default_rng(3).normal(size=(400, 8)) * np.linspace(1, 0.2, 8) + 0.4)
        turn = np.linalg.qr(np.random.default_rng(4).normal(size=(8, 8)))[0]
        np.testing.assert_allclose(adapters.procrustes(x, x @ turn).apply(x), x @ turn, atol=1e-4)

    def test_a_hidden_layer_learns_what_no_affine_map_can(self):
        rng = np.random.default_rng(5)
        x = rng.normal(size=(800, 4))
        y = unit(np.abs(x) @ rng.normal(size=(4, 6)))

        def miss(made):
            return 1 - (made.apply(x) * y).sum(1).mean()

        self.assertLess(miss(adapters.network(x, y, 64, steps=400, rate=5e-3)), 0.3 * miss(adapters.ridge(x, y, 1e-3)))


class Compatible(unittest.TestCase):
    def test_a_layer_begins_where_it_is_told_to(self):
        _, old, new = rotated(300, 6)
        start, of = adapters.ridge(new, old, 1e-2), heads.basis(new)
        head = torch.nn.Linear(20, 12)
        compatible.begin_at(head, of, start)
        with torch.no_grad():
            given = head(heads.coordinates(of, new)).numpy()
        np.testing.assert_allclose(given, start.raw(new), atol=1e-4)

    def test_training_brings_neighbours_among_old_rows_nearer_to_the_new_models_own(self):
        _, old, new = rotated(600, 7, noise=1.0)
        wanted, start = torch.from_numpy(new), adapters.ridge(new, old, 1e-2)
        made = compatible.fit(new, new, old, start, steps=200, batch=256, rate=3e-3)

        def loss(queries):
            return float(compatible.ranking_loss(wanted, torch.from_numpy(np.float32(queries)), torch.from_numpy(old), 0.1))

        self.assertLess(loss(made.apply(new)), loss(start.apply(new)))


class States(unittest.TestCase):
    def setUp(self):
        names, old, new = rotated(700, 8, noise=0.3)
        kept = np.arange(700) >= 500
        self.pairs = generations.Pairs(old[:400], new[:400], old[400:500], new[400:500])
        self.which = Labelled("t", names[kept], np.ones(200, bool), np.ones(200, bool))
        self.old, self.new = old[kept], new[kept]

    def test_every_way_lets_new_queries_find_old_rows_as_well_as_old_ones_did(self):
        reference = self.which.score(self.old)
        space = generations.own_space(self.pairs.new, 12)
        found = []
        for way in generations.ways(self.pairs, space, steps=100):
            scores = generations.states(self.which, way, self.old, self.new)
            self.assertEqual(list(scores), [0.0, 0.25, 0.5, 0.75, 1.0])
            share = generations.ratio(scores[0.0], reference)
            found.append(way.name)
            if way.name == "untouched":
                self.assertLess(share.high, 0.7)
            else:
                self.assertGreater(share.mean, 0.9, way.name)
                self.assertGreater(scores[1.0].precision.mean(), 0.9 * reference.precision.mean(), way.name)
        self.assertEqual(len(found), 7, found)

    def test_an_upgrade_that_moves_old_rows_ends_as_a_rebuild(self):
        space = whitening.fit(self.pairs.new, 12, 0.5).apply
        rebuilt = self.which.score(space(self.new))
        ways = [w for w in generations.ways(self.pairs, space, learned=False) if w.name.startswith("rows to new")]
        self.assertEqual(len(ways), 1)
        finished = generations.states(self.which, ways[0], self.old, self.new)[1.0]
        np.testing.assert_array_equal(finished.precision, rebuilt.precision)

    def test_pairs_of_the_gallery_make_up_for_few_photos(self):
        photos = generations.Pairs(self.pairs.old[:40], self.pairs.new[:40], self.pairs.kept_old, self.pairs.kept_new)
        trial = generations.Trial.__new__(generations.Trial)
        found = {}
        trial.pairs, trial.space = photos, generations.own_space(self.pairs.new, 12)
        trial.asked = [(self.which, self.old, self.new, self.which.score(self.old))]
        trial.report = lambda name, way, state, scores, _: found.__setitem__((way.split(",")[0], way.split(", ")[-1], state), scores)
        trial.by_gallery(150)
        for how in ("150 of the gallery", "photos and 150 of the gallery"):
            self.assertGreater(found["query to old", how, "new/old"].precision.mean(), 0.9 * trial.asked[0][3].precision.mean())

    def test_a_share_of_itself_is_one_without_width(self):
        scores = self.which.score(self.old)
        share = generations.ratio(scores, scores)
        self.assertEqual((share.mean, share.low, share.high), (1.0, 1.0, 1.0))


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
