// Builds the command-line tool, the wasm module and the page. The tool compiles beside the set-up and the module:
// each ends in a long single-threaded step (linking; fat LTO), so on two cores they fill each other's gaps.
import { must, say } from "./step.mjs";
import { setUpRust, setUpWeb } from "./setup.mjs";

/** `pageOnly`: of the modules and the package no more than the page needs, which a first start should not wait for. */
export async function build({ pageOnly = false } = {}) {
  setUpRust();
  const advice = "The compiler's message is above.";
  const tool = () => must("building the nearsight tool", "cargo", ["build", "--release", "--quiet", "--bin", "nearsight"], { advice });
  const module = async () => {
    await setUpWeb();
    await must("building the wasm module", "node", ["scripts/build-wasm.mjs", ...(pageOnly ? ["--only=pictures"] : [])], { advice });
  };
  await Promise.all([tool(), module()]);
  await must("building the page", "node", ["www/build.mjs", ...(pageOnly ? ["--page"] : [])], { advice });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  await build();
  say("built: target/release/nearsight, www/wasm, dist (npm package), www/dist (page).");
}
