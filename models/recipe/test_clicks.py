"""The click log is read as the server writes it, positions are debiased, and what is learnt points the right way.

Needs no photos; under a minute:

    python3 models/recipe/test_clicks.py
"""

import json
import sqlite3
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import click_log
import click_visitors
import clicks
from embeddings import unit
from ranking import Labelled


def impression(number: int, query, shown, session: str = "a", search: str | None = None) -> dict:
    return {
        "type": "impression", "event_id": f"i{number}", "session": session, "search_id": search or f"q{number}", "epoch": 0,
        "query": query, "shown": [{"image_id": i, "position": p, "cell": 0} for p, i in enumerate(shown)],
        "probed": [0], "scanned": 9, "took_ms": 1.5, "at": 1.0,
    }  # fmt: skip


def click(number: int, search: str, image: int, position: int, session: str = "a") -> dict:
    return {
        "type": "click", "event_id": f"c{number}", "session": session, "search_id": search, "image_id": image,
        "position": position, "at": 2.0,
    }  # fmt: skip


LOG = [
    impression(1, {"image_id": 7}, [3, 4, 5]),
    click(1, "q1", 4, 1),
    click(1, "q1", 4, 1),
    click(2, "q1", 99, 0),
    click(3, "q1", 3, 0, session="another"),
    impression(2, {"embedding": click_log.encode_embedding(np.array([0.6, -0.8]))}, [1]),
    impression(3, None, [1]),
    {"type": "audit", "event_id": "a1", "session": "a", "search_id": "q1", "epoch": 0, "recall_estimate": 0.9, "at": 3.0},
]


class Reading(unittest.TestCase):
    def read(self, log) -> list:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.jsonl"
            path.write_text("".join(json.dumps(event) + "\n" for event in log))
            return click_log.read(path)

    def test_a_click_counts_once_for_what_its_own_session_was_shown(self):
        first, second = self.read(LOG)
        self.assertEqual((first.query, first.shown, first.clicked), (7, [(3, 0), (4, 1), (5, 2)], {4}))
        np.testing.assert_allclose(second.query, [0.6, -0.8], atol=0.01)
        self.assertEqual(second.clicked, set())

    def test_the_servers_database_is_read_without_writing_to_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.sqlite"
            base = sqlite3.connect(path)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("CREATE TABLE events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT")
            base.executemany("INSERT INTO events (body) VALUES (?)", [(json.dumps(event),) for event in LOG])
            base.commit()
            # While the server runs, and after it has ended.
            self.assertEqual([s.clicked for s in click_log.read(path)], [{4}, set()])
            base.close()
            before = path.read_bytes()
            self.assertEqual([s.clicked for s in click_log.read(path)], [{4}, set()])
            self.assertEqual(path.read_bytes(), before)

    def test_one_session_speaks_for_fifty_searches(self):
        log = [impression(i, {"image_id": 1}, [2], session="a" if i < 80 else "b") for i in range(90)]
        self.assertEqual(len(self.read(log)), 60)

    def test_a_line_that_is_no_event_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.jsonl"
            path.write_text(json.dumps(LOG[0]) + "\nnonsense\n")
            with self.assertRaisesRegex(SystemExit, "line 2 is no event"):
                click_log.read(path)


class Positions(unittest.TestCase):
    def test_the_chance_of_being_looked_at_is_found_though_better_hits_stand_first(self):
        rng, searches, similarity = np.random.default_rng(1), [], []
        truth = 1 / (1 + np.arange(12)) ** 0.7
        for _ in range(8000):
            cosine = np.sort(rng.uniform(0, rng.uniform(0.3, 1), 12))[::-1]
            clicked = {int(i) for i in np.flatnonzero(rng.random(12) < 0.8 * cosine * truth)}
            searches.append(click_log.Search(0, [(i, i) for i in range(12)], clicked))
            similarity.append(cosine)
        found = click_log.examination(searches, similarity)
        self.assertLess(np.abs(found - truth).max(), 0.1)
        # The rate of clicks by position alone, the naive answer, is further off.
        rate = np.bincount([i for s in searches for i in s.clicked], minlength=12)
        self.assertGreater(np.abs(rate / rate[0] - truth).max(), 2 * np.abs(found - truth).max())


class Losses(unittest.TestCase):
    def test_the_label_one_draws_together_and_nought_pushes_apart(self):
        q = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.2, 1.0]]), dim=1)
        p = torch.nn.functional.normalize(torch.tensor([[1.0, 0.6], [0.6, 1.0]]), dim=1).requires_grad_()
        weight, same = torch.ones(2), torch.eye(2, dtype=torch.bool)
        for label, nearer in ((None, True), (~torch.eye(2, dtype=torch.bool), False)):
            p.grad = None
            clicks.contrastive(q, p, weight, same, label).backward()
            moved = torch.nn.functional.normalize((p - 0.05 * p.grad).detach(), dim=1)
            before, after = (q[0] @ p[0]).item(), (q[0] @ moved[0]).item()
            self.assertEqual(after > before, nearer)

    def test_infonce_falls_when_the_clicked_picture_comes_nearer_and_ignores_its_own_repeats(self):
        rng = np.random.default_rng(2)
        q = torch.from_numpy(unit(rng.normal(size=(6, 8))).astype(np.float32))
        far = torch.from_numpy(unit(rng.normal(size=(6, 8))).astype(np.float32))
        passed, there = far[:, None], torch.zeros(6, 1, dtype=torch.bool)
        weight, same = torch.ones(6), torch.eye(6, dtype=torch.bool)
        near = torch.nn.functional.normalize(q + 0.3 * far, dim=1)
        self.assertLess(clicks.infonce(q, near, weight, same, passed, there), clicks.infonce(q, far, weight, same, passed, there))
        alone = clicks.infonce(q, near, weight, torch.ones(6, 6, dtype=torch.bool), passed, there)
        self.assertAlmostEqual(float(alone), 0, places=5)

    def test_a_late_click_weighs_more_and_not_without_limit(self):
        searches = [click_log.Search(0, [(1, 0), (2, 1), (3, 2)], {1, 3})]
        made = clicks.pairs_of(searches, np.eye(4, dtype=np.float32), np.array([1.0, 0.5, 0.001]))
        np.testing.assert_array_equal(made.weight, [1, clicks.WEIGHT_LIMIT])
        np.testing.assert_array_equal(made.passed[1], [2, -1, -1, -1])


class Learning(unittest.TestCase):
    def test_clicks_on_half_of_the_classes_help_to_find_the_others(self):
        # Half of the numbers say what a picture shows, half are noise that no visitor cares for.
        rng = np.random.default_rng(3)
        names = rng.integers(0, 20, 600)
        things = rng.normal(size=(20, 8))[names] + 0.5 * rng.normal(size=(600, 8))
        vectors = unit(np.concatenate([things, 1.2 * rng.normal(size=(600, 8))], 1)).astype(np.float32)
        everything = np.ones(600, bool)
        which = Labelled("t", names, everything, everything)
        fold = click_visitors.Fold.of(which, 0)
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "events.jsonl"
            click_visitors.write(log, fold, vectors, 1500, click_visitors.BIAS)
            searches = click_log.read(log)
        self.assertEqual(len(searches), 1500)
        made, told = clicks.fit(searches, vectors)
        self.assertLess(min(told["kept_loss"]), told["kept_loss"][0])
        before, after = which.score(vectors), which.score(made.apply(vectors))
        gain = (after.precision - before.precision)[fold.other_classes]
        self.assertGreater(gain.mean(), 0.03)

    def test_no_held_out_query_is_asked(self):
        names = np.arange(300) % 10
        everything = np.ones(300, bool)
        folds = [click_visitors.Fold.of(Labelled("t", names, everything, everything), half) for half in (0, 1)]
        for fold in folds:
            self.assertFalse((fold.asked & (fold.other_queries | fold.other_classes)).any())
            self.assertFalse(set(names[fold.asked]) & set(names[fold.other_classes]))
        np.testing.assert_array_equal(folds[0].other_classes, ~folds[1].other_classes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
