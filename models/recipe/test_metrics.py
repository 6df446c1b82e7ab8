"""The recipe's mAP against scikit-learn's average precision. Run by hand:

    pip install -r models/recipe/requirements.txt scikit-learn
    python3 models/recipe/test_metrics.py

`nearsight eval` has the same definition; its tests hold it against sorting in Rust. Scores here have no ties: scikit-learn
takes those that tie as one step, the recipe in the order of the gallery.
"""

import unittest

import numpy as np
from sklearn.metrics import average_precision_score

from evaluate import scores


def labelled(count: int, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one centre a label, and the labels."""
    random = np.random.default_rng(seed)
    names = random.integers(0, labels, count)
    vectors = random.normal(size=(labels, 16))[names] + 1.5 * random.normal(size=(count, 16))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), names


class Metrics(unittest.TestCase):
    def test_leave_one_out_is_average_precision_over_all_others(self):
        vectors, names = labelled(120, 6, 1)
        mean, first, count = scores(vectors, names, vectors, names, True)
        precisions, firsts = [], []
        for i in range(len(names)):
            others = np.arange(len(names)) != i
            similar = vectors[others] @ vectors[i]
            precisions.append(average_precision_score(names[others] == names[i], similar))
            firsts.append(names[others][similar.argmax()] == names[i])
        self.assertEqual(count, 120)
        self.assertAlmostEqual(mean, np.mean(precisions), places=12)
        self.assertAlmostEqual(first, np.mean(firsts), places=12)

    def test_queries_apart_are_ranked_against_the_gallery(self):
        vectors, names = labelled(150, 5, 2)
        queries, gallery = slice(0, 40), slice(40, 150)
        mean, _, count = scores(vectors[queries], names[queries], vectors[gallery], names[gallery], False)
        expected = [
            average_precision_score(names[gallery] == name, vectors[gallery] @ vector)
            for vector, name in zip(vectors[queries], names[queries])
        ]
        self.assertEqual(count, 40)
        self.assertAlmostEqual(mean, np.mean(expected), places=12)

    def test_a_query_with_nothing_to_find_does_not_count(self):
        vectors, names = labelled(30, 3, 3)
        whole = scores(vectors, names, vectors, names, True)
        alone = np.append(names[:-1], 99)
        _, _, count = scores(vectors, alone, vectors, alone, True)
        self.assertEqual((whole[2], count), (30, 29))


if __name__ == "__main__":
    unittest.main()
