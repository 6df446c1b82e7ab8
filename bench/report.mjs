// Measurements → results at each recall, ratios within the run, a Markdown table.

const OWN = "nearsight";

export const quantile = (values, share) => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
};

/** Points that no other beats in both recall and time, rising in both. */
export function envelope(points) {
  const rising = points.toSorted((a, b) => a.median_us - b.median_us || b.recall - a.recall);
  return rising.filter((point, place) => rising.slice(0, place).every((before) => before.recall < point.recall));
}

/**
 * Time at a recall, straight between the neighbouring points of the envelope. Where even the fastest point has more
 * recall, that point, as an upper bound; where none reaches it, no time.
 */
export function at(points, target) {
  const edge = envelope(points);
  const above = edge.findIndex((point) => point.recall >= target);
  if (above === -1) return { how: "not_reached", recall: Math.max(...edge.map((point) => point.recall)), median_us: null, p95_us: null, mean_us: null };
  const { recall, median_us, p95_us, mean_us } = edge[above];
  if (above === 0) return { how: "at_most", recall, median_us, p95_us, mean_us };
  const below = edge[above - 1];
  const share = (target - below.recall) / (recall - below.recall);
  const between = (key) => below[key] + share * (edge[above][key] - below[key]);
  return { how: "interpolated", recall: target, median_us: between("median_us"), p95_us: between("p95_us"), mean_us: between("mean_us") };
}

export function summarise(parameters, { built, openings, points }, native_build_s) {
  const settled = points.map(({ times, ...point }) => ({ ...point, median_us: quantile(times, 0.5), p95_us: quantile(times, 0.95) }));
  const results = parameters.systems.flatMap((system) => {
    const own = settled.filter((point) => point.system === system);
    const { bytes, build_s } = built[system];
    const opened = openings[system];
    return parameters.targets.map((target) => ({
      system,
      n: parameters.rows,
      d: parameters.dimension,
      target,
      ...at(own, target),
      bytes_per_vector: bytes / parameters.rows,
      open_ms: quantile(opened.map((opening) => opening.open_ms), 0.5),
      open_steps_ms: steps(opened),
      complete_ms: quantile(opened.map((opening) => opening.complete_ms), 0.5),
      memory_bytes: quantile(opened.map((opening) => opening.memory_bytes), 0.5),
      build_s,
      ...(system === OWN ? { native_build_s } : {}),
    }));
  });
  return { results, ratios: ratios(results), points: settled };
}

/** Median of each step of opening. */
function steps(openings) {
  const names = Object.keys(openings[0].steps);
  return Object.fromEntries(names.map((name) => [name, quantile(openings.map((opening) => opening.steps[name]), 0.5)]));
}

/** Other systems' figures in units of nearsight's, of the same run: above 1 nearsight needs less. */
function ratios(results) {
  const keys = ["median_us", "p95_us", "mean_us", "bytes_per_vector", "open_ms", "memory_bytes", "build_s"];
  return results.filter((result) => result.system !== OWN).flatMap((result) => {
    const own = results.find((other) => other.system === OWN && other.target === result.target);
    if (own === undefined) return [];
    const shares = keys.map((key) => [key, result[key] === null || !own[key] ? null : result[key] / own[key]]);
    return [{ system: result.system, target: result.target, ...Object.fromEntries(shares) }];
  });
}

const number = (value, digits = 0) => value === null || value === undefined ? "–" : value.toFixed(digits);
const SIGN = { at_most: "≤ ", interpolated: "", not_reached: "" };

export function markdown(parameters, { results, ratios, points }, about) {
  const { systems, targets } = parameters;
  const of = (list, system, target) => list.find((one) => one.system === system && one.target === target);
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const table = (head, rows) => [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
  const time = (result) => result.median_us === null
    ? `not reached (${number(result.recall, 3)})`
    : `${SIGN[result.how]}${number(result.median_us)} / ${number(result.p95_us)}`;
  const times = table(["system", ...targets.map((target) => `recall ${number(target, 2)}`)],
    systems.map((system) => [system, ...targets.map((target) => time(of(results, system, target)))]));
  const held = table(["system", "bytes a vector", "open, ms", "rest, ms", "memory, MB", "build, s"], systems.map((system) => {
    const { bytes_per_vector, open_ms, complete_ms, memory_bytes, build_s } = of(results, system, targets[0]);
    return [system, number(bytes_per_vector), number(open_ms), number(complete_ms), number(memory_bytes / 1e6), number(build_s, 1)];
  }));
  const names = [...new Set(results.flatMap((result) => Object.keys(result.open_steps_ms)))];
  const opening = table(["system", ...names], systems.map((system) => {
    const { open_steps_ms } = of(results, system, targets[0]);
    return [system, ...names.map((name) => number(open_steps_ms[name]))];
  }));
  const shares = table(["system", "recall", "median", "p95", "mean", "bytes", "open", "memory", "build"], ratios.map((ratio) => [
    ratio.system, number(ratio.target, 2),
    ...["median_us", "p95_us", "mean_us", "bytes_per_vector", "open_ms", "memory_bytes", "build_s"].map((key) => number(ratio[key], 2)),
  ]));
  const measured = table(["system", "setting", "recall", "median", "p95", "mean"], points.map((point) => [
    point.system, point.setting ?? "", number(point.recall, 4), number(point.median_us), number(point.p95_us), number(point.mean_us, 1),
  ]));
  return `# ${parameters.rows} vectors of ${parameters.dimension} numbers\n
${about}\n
Microseconds a query, median / p95 over ${parameters.queries} queries, of each the best of ${parameters.rounds} rounds:\n
${times}\n\n${held}\n
Milliseconds of the steps of opening:\n
${opening}\n
In units of nearsight's figures, within this run (above 1: nearsight needs less):\n
${shares}\n\nAll points:\n\n${measured}\n`;
}
