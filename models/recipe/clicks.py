"""Clicks: what visitors chose, and the vectors of an index → a projection in which what was chosen lies nearer.

    python3 models/recipe/clicks.py fit --events SITE/.nearsight/events.sqlite --vectors VECTORS.npy --out projection.json
    python3 models/recipe/clicks.py trial --model M.json --work DIR --sets A.csv B.csv

Row i of VECTORS.npy is the embedding of the picture with the id i. Each click is a pair of query and picture, weighted by one over the
chance that its position was looked at (`click_log.examination`, at most WEIGHT_LIMIT), since what stands first is clicked
first whatever it shows. An affine map of the embeddings, begun at the identity, is taught by these pairs:

- `infonce`: the picture must stand out among all pictures clicked by others in the batch and those that this search
  showed without a click (where the click lies further down, so that they were probably seen).
- `contrastive`: pairs of label 1 (clicked) are drawn together by their squared distance, pairs of label 0 (another search's
  click) pushed apart up to a margin. Label 1 means alike; the other way round it would teach the opposite.

A tenth of the searches is kept: it says when to stop, and whether the map is worth having at all. `trial` measures the whole way on labelled
sets by simulated visitors, who search for pictures of half of the classes; what counts is the other half.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import click_log
import click_visitors
import whitening
from affine import Affine
from click_log import Search
from embeddings import Embedder, unit
from ranking import Scores, interval, labelled

TEMPERATURE = 0.1
MARGIN = 1.0
WEIGHT_LIMIT = 20.0
# What it costs to stray from the identity by one in every axis, in units of the loss at the start.
HOLD = 3.0
# Pictures of a search that were passed over, at most.
SEEN = 4
LOSSES = ("infonce", "contrastive")
# Name in the table: loss, whether positions are debiased, the visitors' bias, whether the gallery is whitened first.
ARMS = {
    "InfoNCE, debiased": ("infonce", True, click_visitors.BIAS, False),
    "InfoNCE, clicks as they are": ("infonce", False, click_visitors.BIAS, False),
    "InfoNCE, visitors without bias": ("infonce", False, 0.0, False),
    "contrastive, debiased": ("contrastive", True, click_visitors.BIAS, False),
    "whitening of the gallery, then InfoNCE, debiased": ("infonce", True, click_visitors.BIAS, True),
}


@dataclass
class Pairs:
    """One row a click: query, picture, weight, and up to SEEN pictures that were passed over (-1 where there are fewer)."""

    query: np.ndarray
    picture: np.ndarray
    weight: np.ndarray
    passed: np.ndarray


def vector_of(search: Search, vectors: np.ndarray) -> np.ndarray:
    return vectors[search.query] if isinstance(search.query, int) else search.query


def similarities(searches: list[Search], vectors: np.ndarray) -> list[np.ndarray]:
    return [vectors[[i for i, _ in s.shown]] @ vector_of(s, vectors) for s in searches]


def pairs_of(searches: list[Search], vectors: np.ndarray, looked: np.ndarray) -> Pairs:
    query, picture, weight, passed = [], [], [], []
    for search in searches:
        place = dict(search.shown)
        for clicked in sorted(search.clicked):
            before = [i for i, p in search.shown if p < place[clicked] and i not in search.clicked][-SEEN:]
            query.append(vector_of(search, vectors))
            picture.append(clicked)
            weight.append(min(1 / looked[place[clicked]], WEIGHT_LIMIT))
            passed.append(before + [-1] * (SEEN - len(before)))
    return Pairs(np.array(query, np.float32), np.array(picture), np.array(weight, np.float32), np.array(passed))


def infonce(q, p, weight, same, passed, there) -> torch.Tensor:
    """`same[i, j]`: picture j is what query i clicked, so it is no counter-example. `passed`: rows seen and not clicked."""
    own = (q * p).sum(1, keepdim=True) / TEMPERATURE
    others = (q @ p.T / TEMPERATURE).masked_fill(same, -1e4)
    skipped = (torch.einsum("nd,nsd->ns", q, passed) / TEMPERATURE).masked_fill(~there, -1e4)
    values = torch.cat([own, others, skipped], 1).logsumexp(1) - own[:, 0]
    return (weight * values).sum() / weight.sum()


def contrastive(q, p, weight, same, label: torch.Tensor | None = None) -> torch.Tensor:
    """Label 1: alike, drawn together; label 0: different, pushed apart up to MARGIN. By default label 1 is what was clicked."""
    label = torch.eye(len(q), dtype=torch.bool) if label is None else label
    distance = (2 - 2 * (q @ p.T)).clamp(min=1e-9)
    together = (distance.diagonal() * label.diagonal() * weight).sum() / weight.sum()
    apart = ~label & ~same
    return together + ((MARGIN - distance.sqrt()).clamp(min=0).square() * apart).sum() / apart.sum().clamp(min=1)


def fit(
    searches: list[Search], vectors: np.ndarray, loss: str = "infonce", debias: bool = True, epochs: int = 20, batch: int = 256,
    rate: float = 1e-3, seed: int = 1,
) -> tuple[Affine, dict]:  # fmt: skip
    """The map, and what was seen on the way: the kept searches' loss before and after, and the chance of each position."""
    if debias:
        looked = click_log.examination(searches, similarities(searches, vectors))
    else:
        looked = np.ones(1 + max(p for s in searches for _, p in s.shown))
    order = np.random.default_rng(seed).permutation(len(searches))
    kept = max(1, len(order) // 10)
    parts = [pairs_of([searches[i] for i in some], vectors, looked) for some in (order[kept:], order[:kept])]
    if not (len(parts[0].picture) and len(parts[1].picture)):
        raise SystemExit(f"{len(searches)} searches hold too few clicks to learn from and to check by")
    width = vectors.shape[1]
    head = torch.nn.Linear(width, width)
    with torch.no_grad():
        head.weight.copy_(torch.eye(width))
        head.bias.zero_()
    all_rows = torch.from_numpy(vectors.astype(np.float32))

    def value(pairs: Pairs, rows: np.ndarray) -> torch.Tensor:
        picture = pairs.picture[rows]
        q = F.normalize(head(torch.from_numpy(pairs.query[rows])))
        p = F.normalize(head(all_rows[picture]))
        same = torch.from_numpy(picture[:, None] == picture[None])
        weight = torch.from_numpy(pairs.weight[rows])
        if loss == "contrastive":
            return contrastive(q, p, weight, same)
        passed = pairs.passed[rows]
        skipped = F.normalize(head(all_rows[np.maximum(passed, 0)]), dim=2)
        return infonce(q, p, weight, same, skipped, torch.from_numpy(passed >= 0))

    def kept_loss() -> float:
        count = len(parts[1].picture)
        blocks = [np.arange(i, min(i + 512, count)) for i in range(0, count, 512)]
        with torch.no_grad():
            return float(np.average([float(value(parts[1], b)) for b in blocks], weights=[len(b) for b in blocks]))

    optimiser = torch.optim.Adam(head.parameters(), lr=rate)
    rng, start = np.random.default_rng(seed), kept_loss()
    best, state, told = start, (np.eye(width), np.zeros(width)), [start]
    for _ in range(epochs):
        shuffled = rng.permutation(len(parts[0].picture))
        for i in range(0, len(shuffled), batch):
            strayed = (head.weight - torch.eye(width)).square().sum() + head.bias.square().sum()
            total = value(parts[0], shuffled[i : i + batch]) + HOLD * start * strayed / width
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            optimiser.step()
        told.append(kept_loss())
        if told[-1] < best:
            best, state = told[-1], tuple(p.detach().numpy().astype(np.float64).copy() for p in head.parameters())
        elif min(told[-3:]) > best:
            break
    return Affine("clicks", *state), {"kept_loss": told, "looked": [float(v) for v in looked]}


GROUPS = ("other classes", "searched classes, other queries")


def trial(embedder: Embedder, sets: list[Path], work: Path, searches: int) -> dict:
    """{set: {arm: {group of held-out queries: before, after and gain}}}; the halves of the classes change places."""
    results = {}
    for path in sets:
        which, rows = labelled(path, embedder, work)
        plain, whitened = rows.unit, whitening.fit(rows.unit[which.gallery], rows.unit.shape[1], 0.5).apply(rows.unit)
        results[which.name] = {"whitening of the gallery, no clicks": {}}
        folds = [click_visitors.Fold.of(which, half) for half in (0, 1)]
        for name, (loss, debias, bias, first_whiten) in ARMS.items():
            start, after = (whitened if first_whiten else plain), []
            for half, fold in enumerate(folds):
                log = work / f"clicks-{which.name}-{half}.jsonl"
                click_visitors.write(log, fold, start, searches, bias)
                made, told = fit(click_log.read(log), start, loss, debias)
                after.append(which.score(made.apply(start)))
                said = f"kept loss {told['kept_loss'][0]:.3f} to {min(told['kept_loss']):.3f}"
                print(f"{which.name} half {half} {name}: {said}, looked at {np.round(told['looked'], 2).tolist()}", flush=True)
            results[which.name][name] = summary(folds, which.score(plain), after)
        whole = which.score(whitened)
        results[which.name]["whitening of the gallery, no clicks"] = summary(folds, which.score(plain), [whole, whole])
    return results


def summary(folds: list, before: Scores, after: list[Scores]) -> dict:
    """Of each group of queries, over both halves: before, after, and the gain on the same queries."""
    said = {group: {} for group in GROUPS}
    counted = click_visitors.counted(folds[0].which)
    for group, masks in zip(GROUPS, ([f.other_classes for f in folds], [f.other_queries for f in folds])):
        inside = [mask[folds[0].which.query][counted] for mask in masks]
        for measure, name in (("precision", "map"), ("first", "r_at_1")):
            new = np.concatenate([getattr(scores, measure)[i] for scores, i in zip(after, inside)])
            old = np.concatenate([getattr(before, measure)[i] for i in inside])
            said[group][name] = {k: vars(interval(v)) for k, v in {"before": old, "after": new, "gain": new - old}.items()}
    return said


def markdown(results: dict) -> str:
    def say(v, sign=""):
        return f"{100 * v['mean']:{sign}.1f} [{100 * v['low']:{sign}.1f}, {100 * v['high']:{sign}.1f}]"

    lines = ["| set | held-out queries | what | mAP before | mAP after | gain | R@1 gain |", "|---" * 7 + "|"]
    for name, arms in results.items():
        for arm, groups in arms.items():
            for group, said in groups.items():
                m, r = said["map"], said["r_at_1"]
                cells = [name, group, arm, say(m["before"]), say(m["after"]), say(m["gain"], "+"), say(r["gain"], "+")]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    one, many = what.add_parser("fit"), what.add_parser("trial")
    one.add_argument("--events", type=Path, required=True, help="events.sqlite, or a file of events, one a line")
    one.add_argument("--vectors", type=Path, required=True, help=".npy; row i is the embedding of the picture with the id i")
    one.add_argument("--loss", choices=LOSSES, default="infonce")
    one.add_argument("--start", type=Path, help="a projection.json through which the vectors go first")
    one.add_argument("--out", type=Path, required=True)
    many.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
    many.add_argument("--work", type=Path, required=True, help="where embeddings are kept")
    many.add_argument("--sets", type=Path, nargs="+", required=True, help="CSVs of path,label,split beside their tars")
    many.add_argument("--searches", type=int, default=5000)
    a = parser.parse_args()
    torch.set_num_threads(1)
    if a.what == "trial":
        results = trial(embedder := Embedder.load(a.model), a.sets, a.work, a.searches)
        (a.work / f"clicks-{embedder.name}.json").write_text(json.dumps(results, indent=1) + "\n")
        (a.work / f"clicks-{embedder.name}.md").write_text(markdown(results))
        print(markdown(results))
        return
    vectors = unit(np.load(a.vectors).astype(np.float32))
    start = Affine.load(a.start) if a.start else None
    searches = click_log.read(a.events)
    if start:
        # Queries that visitors shared are vectors of the index, which has been through the projection already.
        vectors = start.apply(vectors)
    made, told = fit(searches, vectors, a.loss)
    first, best = told["kept_loss"][0], min(told["kept_loss"])
    if best >= first:
        raise SystemExit(f"no map was better than none on the kept searches (loss {first:.4f}); nothing was written")
    (made.after(start) if start else made).save(a.out)
    print(f"{a.out}: {len(searches)} searches; loss of the kept ones {first:.4f} before, {best:.4f} after")


if __name__ == "__main__":
    main()
