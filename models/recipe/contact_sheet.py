"""Contact sheet: what the embedder takes for similar, to look at.

In: a model's sidecar and a folder of pictures in one subfolder a kind. Out: one picture; each row is a query and its nearest neighbours, nearest first.
The queries are drawn by a seed, one of each of so many kinds, so that nobody picks the nice ones.

    python3 models/recipe/contact_sheet.py --model models/nearsight-128.json --pictures www/gallery --out docs/contact-sheet.jpg
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from photos import middle_square
from pictured import Pictured, folder

TILE, GAP, MARGIN = 112, 6, 18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
    parser.add_argument("--pictures", type=Path, required=True, help="one subfolder a kind")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--neighbours", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    model, pictures = Pictured(a.model), folder(a.pictures)
    kinds = np.array([Path(path).parts[0] for path, _ in pictures])
    vectors = np.stack([model.vector(image) for _, image in pictures])
    random = np.random.default_rng(a.seed)
    chosen = random.permutation(sorted(set(kinds)))[: a.rows]
    queries = [random.choice(np.flatnonzero(kinds == kind)) for kind in chosen]

    step = TILE + GAP
    width = MARGIN + TILE + MARGIN + a.neighbours * step - GAP + MARGIN
    sheet = Image.new("RGB", (width, 2 * MARGIN + len(queries) * step - GAP), "white")
    for place, query in enumerate(queries):
        top = MARGIN + place * step
        similar = vectors @ vectors[query]
        similar[query] = -np.inf
        nearest = np.argsort(-similar, kind="stable")[: a.neighbours]
        sheet.paste(Image.fromarray(middle_square(pictures[query][1], TILE)), (MARGIN, top))
        for column, near in enumerate(nearest):
            tile = Image.fromarray(middle_square(pictures[near][1], TILE))
            sheet.paste(tile, (MARGIN + TILE + MARGIN + column * step, top))
        print(f"{pictures[query][0]}: {' '.join(pictures[near][0] for near in nearest)}")
    sheet.save(a.out, quality=85)


if __name__ == "__main__":
    main()
