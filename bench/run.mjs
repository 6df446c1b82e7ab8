// nearsight and other searches of vectors, on the same vectors, in one run of one browser: `npm run bench -- --help`.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fail, say } from "../scripts/step.mjs";
import { chart } from "./chart.mjs";
import { measure } from "./measure.mjs";
import { here, prepare } from "./prepare.mjs";
import { markdown, summarise } from "./report.mjs";

const SYSTEMS = ["nearsight", "hnswlib-wasm", "ferrovec", "exact"];
const HELP = `npm run bench -- [flags]

  --rows 100000  --dimension 128  --queries 1000  --seed 1    the vectors (examples/vectors.rs)
  --rounds 5                                                  of each query the best round counts
  --systems ${SYSTEMS.join(",")}     the exact scan is always among them: it is the truth
  --port 41731                                                indexes are saved in browser storage, by origin
  --native FILE                                               a nearsight program that is compiled already
  --out bench/report                                          .json, .md and .svg are written
`;

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "100000" },
    dimension: { type: "string", default: "128" },
    queries: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
    systems: { type: "string", default: SYSTEMS.join(",") },
    port: { type: "string", default: "41731" },
    native: { type: "string" },
    out: { type: "string", default: join(here, "report") },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

function whole(name) {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < (name === "seed" ? 0 : 1)) fail(`--${name} is ${values[name]}; expected a whole number`);
  return value;
}

const asked = values.systems.split(",").map((system) => system.trim()).filter(Boolean);
const unknown = asked.find((system) => !SYSTEMS.includes(system));
if (unknown !== undefined) fail(`--systems: ${unknown} is none of ${SYSTEMS.join(", ")}`);

const parameters = {
  rows: whole("rows"),
  dimension: whole("dimension"),
  queries: whole("queries"),
  seed: whole("seed"),
  rounds: whole("rounds"),
  port: whole("port"),
  native: values.native,
  systems: SYSTEMS.filter((system) => system === "exact" || asked.includes(system)),
  targets: [0.9, 0.95, 0.99],
  k: 10,
};
if (parameters.dimension % 16 !== 0) fail(`--dimension is ${parameters.dimension}; the exact scan takes multiples of 16`);
if (parameters.rows < parameters.k) fail(`--rows is ${parameters.rows}; expected at least ${parameters.k}`);

const prepared = await prepare(parameters);
const measured = await measure(parameters, prepared);
const summary = summarise(parameters, measured, prepared.native_build_s);
const { native, port, ...told } = parameters;
const machine = cpus();
const run = { ...told, chromium: measured.chrome, node: process.version, processor: machine[0]?.model ?? "", processors: machine.length };
writeFileSync(`${values.out}.json`, `${JSON.stringify({ run, ...summary }, null, 2)}\n`);
const command = `npm run bench -- --rows ${parameters.rows} --dimension ${parameters.dimension} --queries ${parameters.queries} --rounds ${parameters.rounds} --seed ${parameters.seed}`;
const via = summary.points.find((point) => point.via)?.via;
const about = `\`${command}\`, Chromium ${run.chromium}, ${run.processor}${via ? `; nearsight through its ${via} call` : ""}.`;
const text = markdown(parameters, summary, about);
writeFileSync(`${values.out}.md`, text);
writeFileSync(`${values.out}.svg`, chart(parameters, summary.points));
console.log(text);
say(`${values.out}.json, .md and .svg are written`);
