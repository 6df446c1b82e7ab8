"""Click log: events as the server keeps them → searches with what was shown, where, and what was clicked.

In: `SITE/.nearsight/events.sqlite`, in which `nearsight serve` keeps them (read only; the column `body` of the table `events`
is one event), or a file of such bodies, one JSON object a line. Out: `Search`es. As in the product, an event counts once, a
click must belong to a search of its session and to a picture that it showed, and one session speaks for at most 50
searches. Searches that do not say what they were for are left out.

`examination` then tells how likely a visitor looks at a position at all, from the log alone: a hit is clicked when it is
looked at and wanted; how likely it is wanted depends on its similarity, how likely it is looked at on its
position, and both tables are found by expectation maximisation (the position-based model; Wang and others, WSDM 2018).
"""

import base64
import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SESSION_LIMIT = 50


@dataclass
class Search:
    """`query`: the id of a picture of the index, or a unit vector (an embedding that a visitor shared)."""

    query: int | np.ndarray
    shown: list[tuple[int, int]]
    clicked: set[int] = field(default_factory=set)


def events(path: Path):
    """The bodies of all events, in order of arrival."""
    if not path.exists():
        raise SystemExit(f"{path}: not there; expected events.sqlite of a served site, or a file of events, one a line")
    if path.suffix == ".sqlite":
        base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            yield from (json.loads(body) for (body,) in base.execute("SELECT body FROM events ORDER BY sequence"))
        except sqlite3.DatabaseError as error:
            raise SystemExit(f"{path}: {error}; expected the events.sqlite of a served site") from error
        finally:
            base.close()
        return
    with open(path) as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise SystemExit(f"{path}: line {number} is no event ({error}); expected one JSON object a line") from error


def decode_embedding(text: str) -> np.ndarray | None:
    """base64 of one signed byte a number → unit vector; `None` for a vector of zeros."""
    numbers = np.frombuffer(base64.b64decode(text, validate=True), np.int8).astype(np.float32)
    length = np.linalg.norm(numbers)
    return numbers / length if length else None


def encode_embedding(vector: np.ndarray) -> str:
    """As the page does it: the largest number becomes 127."""
    scale = 127 / max(np.abs(vector).max(), 1e-12)
    return base64.b64encode(np.rint(vector * scale).astype(np.int8).tobytes()).decode()


def read(path: Path) -> list[Search]:
    known, searches, spoken, clicks = set(), {}, {}, []
    for event in events(path):
        if event["event_id"] in known:
            continue
        known.add(event["event_id"])
        session = event["session"]
        if event["type"] == "click":
            clicks.append(event)
        elif event["type"] == "impression" and event["query"] is not None:
            (kind, value), *_ = event["query"].items()
            query = value if kind == "image_id" else decode_embedding(value)
            spoken[session] = spoken.get(session, 0) + 1
            if query is None or spoken[session] > SESSION_LIMIT or not event["shown"]:
                continue
            shown = [(hit["image_id"], hit["position"]) for hit in event["shown"]]
            searches.setdefault((session, event["search_id"]), Search(query, shown))
    for click in clicks:
        search = searches.get((click["session"], click["search_id"]))
        if search is not None and any(click["image_id"] == shown for shown, _ in search.shown):
            search.clicked.add(click["image_id"])
    return list(searches.values())


def examination(searches: list[Search], similarity: list[np.ndarray], bins: int = 20, rounds: int = 200) -> np.ndarray:
    """How likely each position is looked at, the first being 1. `similarity[i][j]`: of hit j of search i to its query."""
    position = np.array([p for s in searches for _, p in s.shown])
    clicked = np.array([i in s.clicked for s in searches for i, _ in s.shown])
    cosine = np.concatenate(similarity)
    if not clicked.any():
        raise SystemExit(f"{len(searches)} searches without a click; nothing can be learnt from them")
    edges = np.quantile(cosine, np.linspace(0, 1, bins + 1)[1:-1])
    alike = np.searchsorted(edges, cosine)
    looked, wanted = np.full(position.max() + 1, 0.5), np.full(bins, 0.2)
    shown_at, shown_alike = np.bincount(position, minlength=len(looked)), np.bincount(alike, minlength=bins)
    for _ in range(rounds):
        a, b = looked[position], wanted[alike]
        neither = np.maximum(1 - a * b, 1e-9)
        looks = np.where(clicked, 1, a * (1 - b) / neither)
        wants = np.where(clicked, 1, b * (1 - a) / neither)
        looked = np.bincount(position, looks, len(looked)) / np.maximum(shown_at, 1)
        wanted = np.bincount(alike, wants, bins) / np.maximum(shown_alike, 1)
    # Nobody looks at a later position more than at the one before it: what says so is noise.
    return np.minimum.accumulate(np.maximum(looked / max(looked[0], 1e-9), 1e-6)).clip(max=1.0)
