// npm test: everything, from a bare machine. Each part prints its own report; the last line adds them up.
//   --only rust,wasm,browser,packaging   runs the named parts
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { setUpRust, setUpTests, setUpWeb } from "./setup.mjs";
import { must, root, run, say } from "./step.mjs";

const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice(7).split(",");
const wanted = (part) => only === undefined || only.includes(part);

/** Passed and failed as each runner states them in its own words. */
const counters = {
  cargo: (text) => sum(text, /test result: \w+\. (\d+) passed; (\d+) failed/g),
  playwright: (text) => [one(text, /^\s*(\d+) passed/m), one(text, /^\s*(\d+) failed/m) + one(text, /^\s*(\d+) did not run/m)],
  node: (text) => [one(text, /^# pass (\d+)/m) || one(text, /pass (\d+)/), one(text, /^# fail (\d+)/m) || one(text, /fail (\d+)/)],
};
const one = (text, pattern) => Number(text.match(pattern)?.[1] ?? 0);
const sum = (text, pattern) =>
  [...text.matchAll(pattern)].reduce(([a, b], [, passed, failed]) => [a + Number(passed), b + Number(failed)], [0, 0]);

const results = [];
async function part(name, counter, program, args, options = {}) {
  say(`testing: ${name}`);
  const { status, output, seconds } = await run(program, args, { capture: true, ...options });
  let [passed, failed] = counter(output);
  // A runner that failed without a failed test (it did not compile, say), or that ran nothing, has failed.
  if ((status !== 0 && failed === 0) || passed + failed === 0) failed += 1;
  results.push({ name, passed, failed, seconds });
}

setUpRust();
await setUpWeb();
const tools = await setUpTests();
const env = { NEARSIGHT_CHROMIUM: tools.chromium };

if (wanted("rust")) {
  await must("checking the format", "cargo", ["fmt", "--check"], { advice: 'Run "cargo fmt".' });
  await must("linting", "cargo", ["clippy", "--release", "--quiet", "--all-targets", "--", "-D", "warnings"]);
}
await build();
if (wanted("rust")) await part("Rust", counters.cargo, "cargo", ["test", "--release", "--no-fail-fast"]);
if (wanted("wasm")) {
  await part("the core inside Chromium", counters.cargo, "wasm-pack", [
    "test", "--headless", "--chrome", "--chromedriver", tools.chromedriver, "--mode", "no-install",
    "--", "--lib", "--no-default-features",
  ]);
}
if (wanted("packaging")) await part("the package", counters.node, "node", [
    "--test", "--test-reporter=tap", ...readdirSync(join(root, "tests/packaging")).filter((name) => name.endsWith(".test.mjs")).map((name) => `tests/packaging/${name}`),
  ], { env });
if (wanted("browser")) await part("the page", counters.playwright, "npx", ["playwright", "test", "--config", "tests/browser/playwright.config.ts"], { env });

for (const { name, passed, failed, seconds } of results) {
  say(`${name}: ${passed} passed, ${failed} failed, ${seconds.toFixed(0)} s`);
}
const total = (key) => results.reduce((all, result) => all + result[key], 0);
console.log(`${total("passed")} passed, ${total("failed")} failed`);
process.exit(total("failed") === 0 && results.length > 0 ? 0 : 1);
