// node --test bench/
import assert from "node:assert/strict";
import { test } from "node:test";
import { chart } from "./chart.mjs";
import { at, envelope, quantile, summarise } from "./report.mjs";

const point = (recall, median_us) => ({ recall, median_us, p95_us: 2 * median_us, mean_us: median_us + 1 });

test("a point that another beats in recall and time is no part of the envelope", () => {
  const edge = envelope([point(0.97, 50), point(0.9, 20), point(0.95, 60), point(0.9, 25)]);
  assert.deepEqual(edge.map((one) => one.median_us), [20, 50]);
});

test("a time between two settings is read on the line between them", () => {
  const found = at([point(0.9, 20), point(1, 40), point(0.95, 90)], 0.95);
  assert.equal(found.how, "interpolated");
  assert.ok(Math.abs(found.median_us - 30) < 1e-9 && Math.abs(found.p95_us - 60) < 1e-9);
});

test("a recall below the fastest point is a bound, and one that nobody reached has no time", () => {
  const points = [point(0.93, 20), point(0.97, 40)];
  assert.deepEqual(at(points, 0.9), { how: "at_most", recall: 0.93, median_us: 20, p95_us: 40, mean_us: 21 });
  assert.deepEqual(at(points, 0.99), { how: "not_reached", recall: 0.97, median_us: null, p95_us: null, mean_us: null });
});

test("ratios are of figures at the same recall, and nothing where one is missing", () => {
  const parameters = { rows: 10, dimension: 16, systems: ["nearsight", "exact"], targets: [0.9] };
  const times = (median) => Array.from({ length: 5 }, () => median);
  const measured = {
    built: { nearsight: { bytes: 100, build_s: null }, exact: { bytes: 640, build_s: 0 } },
    openings: { nearsight: [{ open_ms: 5, complete_ms: 9, memory_bytes: 7, steps: { code: 3 } }], exact: [{ open_ms: 10, complete_ms: 0, memory_bytes: 14, steps: { code: 4 } }] },
    points: [
      { system: "nearsight", setting: 0.9, times: times(4), mean_us: 5, recall: 0.95 },
      { system: "exact", setting: null, times: times(12), mean_us: 12, recall: 1 },
    ],
  };
  const { results, ratios } = summarise(parameters, measured, 3);
  assert.deepEqual(Object.keys(results[0]).slice(0, 4), ["system", "n", "d", "target"]);
  assert.equal(results[0].native_build_s, 3);
  assert.deepEqual(results[0].open_steps_ms, { code: 3 });
  const [ratio] = ratios;
  assert.deepEqual([ratio.median_us, ratio.bytes_per_vector, ratio.open_ms, ratio.build_s], [3, 6.4, 2, null]);
});

test("quantiles are of the sorted values", () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([5], 0.95), 5);
});

test("a chart of one system alone can be drawn", () => {
  const svg = chart({ systems: ["exact"], rows: 10, dimension: 16, k: 10 }, [{ system: "exact", ...point(1, 12) }]);
  assert.ok(svg.includes("<circle") && !svg.includes("NaN"));
});
