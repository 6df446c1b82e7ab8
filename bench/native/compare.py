"""nearsight beside faiss IVF-Flat, faiss HNSW and hnswlib, native, one thread, one query at a time, in one run.

    cargo run --release --example vectors -- --help            draws BASE.f32 and QUERIES.f32
    nearsight build --vectors BASE.f32 --dimension 128 -o INDEX
    pip install -r bench/native/requirements.txt
    python3 bench/native/compare.py --base BASE.f32 --queries QUERIES.f32 --index INDEX --out bench/native/report

Rounds are interleaved: each runs every setting of every system, and begins with another system. Of each query the best
round counts; then median and p95 over the queries. Recall@k is against an exact search of the same rows. Times at a
recall are read on straight lines between neighbouring settings, as in the browser's comparison. The peers' times hold the cost of a call from Python, a few microseconds; nearsight takes
its own in Rust.
"""

import argparse
import json
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import faiss
import hnswlib
import numpy as np

TARGETS = (0.90, 0.95, 0.99)
ASKED = (0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
PROBES = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
BREADTHS = (10, 14, 18, 24, 32, 40, 56, 80, 112, 160, 224)
LISTS = 1024


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--base", type=Path, required=True, help="raw float32 rows of the index")
    parser.add_argument("--queries", type=Path, required=True, help="raw float32 rows that are asked")
    parser.add_argument("--index", type=Path, required=True, help="what `nearsight build --vectors BASE.f32` wrote")
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--count", type=int, default=1000, help="queries")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", type=Path, help="the compiled bench `answers`; default: build it with cargo")
    parser.add_argument("--out", type=Path, default=Path("bench/native/report"), help=".json and .md are written")
    return parser.parse_args()


def unit_rows(path: Path, dimension: int) -> np.ndarray:
    rows = np.fromfile(path, "<f4").reshape(-1, dimension)
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def timed(call, queries) -> tuple[np.ndarray, list]:
    times, answers = np.empty(len(queries)), []
    for i, query in enumerate(queries):
        began = time.perf_counter_ns()
        answer = call(query)
        times[i] = (time.perf_counter_ns() - began) / 1000
        answers.append(answer)
    return times, answers


class Nearsight:
    """The program `answers`, asked over a pipe; it takes the times itself."""

    name, settings = "nearsight", ASKED

    def __init__(self, a):
        command = [a.program] if a.program else ["cargo", "bench", "--quiet", "--bench", "answers", "--"]
        command = [str(part) for part in (*command, a.index, a.queries, a.count, a.k)]
        self.program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()
        files = json.loads((a.index / "manifest.json").read_text())
        self.bytes = files["routing"]["bytes"] + sum(file["bytes"] for file in files["segments"])

    def read(self) -> dict:
        line = self.program.stdout.readline()
        if not line:
            raise SystemExit(f"{self.program.args[0]} ended before it answered; its error is above")
        return json.loads(line)

    def run(self, asked, _):
        print(asked, file=self.program.stdin, flush=True)
        answer = self.read()
        return np.array(answer["times"]), answer["ids"], {"scanned": float(np.mean(answer["scanned"]))}


class FaissLists:
    name, settings = f"faiss IVF{LISTS},Flat", PROBES

    def __init__(self, base, a):
        self.k = a.k
        self.index = faiss.index_factory(base.shape[1], f"IVF{LISTS},Flat", faiss.METRIC_INNER_PRODUCT)
        self.index.train(base)
        self.index.add(base)
        self.bytes = len(faiss.serialize_index(self.index))

    def run(self, probes, queries):
        self.index.nprobe = probes
        before = faiss.cvar.indexIVF_stats.ndis
        times, answers = timed(lambda query: self.index.search(query[None], self.k)[1][0], queries)
        return times, answers, {"scanned": (faiss.cvar.indexIVF_stats.ndis - before) / len(queries)}


class FaissGraph:
    name, settings = "faiss HNSW16", BREADTHS

    def __init__(self, base, a):
        self.k = a.k
        self.index = faiss.IndexHNSWFlat(base.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 200
        self.index.add(base)
        self.bytes = len(faiss.serialize_index(self.index))

    def run(self, breadth, queries):
        self.index.hnsw.efSearch = breadth
        times, answers = timed(lambda query: self.index.search(query[None], self.k)[1][0], queries)
        return times, answers, {}


class Hnswlib:
    name, settings = "hnswlib M=16", BREADTHS

    def __init__(self, base, a):
        self.k = a.k
        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), ef_construction=200, M=16, random_seed=1)
        self.index.add_items(base)
        self.index.set_num_threads(1)
        self.bytes = self.index.index_file_size()

    def run(self, breadth, queries):
        self.index.set_ef(breadth)
        times, answers = timed(lambda query: self.index.knn_query(query, self.k, num_threads=1)[0][0], queries)
        return times, answers, {}


def at(points: list[dict], target: float):
    """(median, p95) at a recall, between the neighbouring settings; None when no setting reaches it."""
    rising = sorted(points, key=lambda point: (point["median_us"], -point["recall"]))
    edge = [point for i, point in enumerate(rising) if all(before["recall"] < point["recall"] for before in rising[:i])]
    for i, point in enumerate(edge):
        if point["recall"] >= target:
            if i == 0:
                return point["median_us"], point["p95_us"]
            share = (target - edge[i - 1]["recall"]) / (point["recall"] - edge[i - 1]["recall"])
            return tuple(edge[i - 1][key] + share * (point[key] - edge[i - 1][key]) for key in ("median_us", "p95_us"))
    return None


def main() -> None:
    a = arguments()
    base, queries = unit_rows(a.base, a.dimension), unit_rows(a.queries, a.dimension)[: a.count]
    exact = faiss.IndexFlatIP(a.dimension)
    exact.add(base)
    truth = exact.search(queries, a.k)[1]

    systems, build = [], {}
    for make in (FaissLists, FaissGraph, Hnswlib):
        began = time.monotonic()
        systems.append(make(base, a))
        build[make.name] = time.monotonic() - began
        print(f"{make.name}: built in {build[make.name]:.1f} s on all cores", flush=True)
    faiss.omp_set_num_threads(1)
    systems.insert(0, Nearsight(a))

    points = {(s.name, setting): None for s in systems for setting in s.settings}
    for turn in range(a.rounds):
        for system in systems[turn % len(systems) :] + systems[: turn % len(systems)]:
            for setting in system.settings:
                times, answers, more = system.run(setting, queries)
                held = points[system.name, setting]
                if held is None:
                    hits = sum(len(set(map(int, got)) & set(map(int, true))) for got, true in zip(answers, truth))
                    held = points[system.name, setting] = {"recall": hits / truth.size, "times": times, **more}
                held["times"] = np.minimum(held["times"], times)
        print(f"round {turn + 1} of {a.rounds}", flush=True)

    rows = []
    for (name, setting), point in points.items():
        times = point.pop("times")
        quantiles = {"median_us": float(np.median(times)), "p95_us": float(np.quantile(times, 0.95))}
        rows.append({"system": name, "setting": setting, **point, **quantiles})
    run = {
        "n": len(base), "d": a.dimension, "k": a.k, "queries": len(queries), "rounds": a.rounds, "machine": platform.machine(),
        "faiss": version("faiss-cpu"), "hnswlib": version("hnswlib"),
    }  # fmt: skip
    lines = ["| system | " + " | ".join(f"recall {t:.2f}, µs (p95)" for t in TARGETS) + " | bytes a vector |", "| --- " * (len(TARGETS) + 2) + "|"]
    results = []
    for system in systems:
        own = [row for row in rows if row["system"] == system.name]
        cells = []
        for target in TARGETS:
            found = at(own, target)
            cells.append(f"{found[0]:.0f} ({found[1]:.0f})" if found else f"not reached ({max(r['recall'] for r in own):.3f})")
            median, p95 = found or (None, None)
            size = system.bytes / len(base)
            results.append({"system": system.name, "target": target, "median_us": median, "p95_us": p95, "bytes_per_vector": size})
        lines.append(f"| {system.name} | {' | '.join(cells)} | {system.bytes / len(base):.0f} |")
    report = {"run": run, "results": results, "points": rows, "build_s": build}
    a.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    a.out.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
