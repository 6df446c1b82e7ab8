// Runs one command of the set-up, the build or the tests, and says what failed and what to do.
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** A line for people; everything that the scripts say begins alike. */
export function say(text) {
  console.log(`nearsight: ${text}`);
}

/** Ends the script with one clear sentence. */
export function fail(text) {
  console.error(`nearsight: ${text}`);
  process.exit(1);
}

/** Whether a program answers to `--version` (or the given arguments), and what it printed. */
export function probe(program, args = ["--version"]) {
  const result = spawnSync(program, args, { encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/**
 * Runs a command in the repository's root. Resolves with `{ status, output, seconds }`; rejects never:
 * the caller decides what a failure means. `quiet` keeps the output until the command has failed,
 * `silent` also then; `capture` passes it on and gives it back.
 */
export function run(program, args, { env = {}, quiet = false, silent = false, capture = false, cwd = root } = {}) {
  const started = performance.now();
  return new Promise((resolve) => {
    const piped = quiet || silent || capture;
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", piped ? "pipe" : "inherit", piped ? "pipe" : "inherit"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        output += chunk;
        if (capture && !quiet && !silent) process.stdout.write(chunk);
      });
    }
    const end = (status) => {
      if (quiet && !silent && status !== 0) process.stderr.write(output);
      resolve({ status, output, seconds: (performance.now() - started) / 1000 });
    };
    child.on("error", (error) => {
      output += `${error.message}\n`;
      end(127);
    });
    child.on("close", (status, signal) => end(signal ? 128 : status));
  });
}

/** As `run`, but a failure ends the script with `advice`. */
export async function must(title, program, args, { advice = "", ...options } = {}) {
  say(title);
  const result = await run(program, args, options);
  if (result.status !== 0) {
    fail(`${title}: "${program} ${args.join(" ")}" ended with status ${result.status}. ${advice}`.trim());
  }
  return result;
}
