// npm start [-- FOLDER [options of `nearsight serve`]]: a folder of photos becomes a page that searches them.
// Without a folder: the bundled gallery. What was built stays in .nearsight/, so the next start is quick.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "./build.mjs";
import { fail, root, say } from "./step.mjs";

const [first, ...others] = process.argv.slice(2);
const named = first !== undefined && !first.startsWith("-");
const folder = named ? resolve(process.env.INIT_CWD ?? process.cwd(), first) : join(root, "www/gallery");
const options = named ? others : process.argv.slice(2);

if (!existsSync(folder) || !statSync(folder).isDirectory()) {
  fail(`${folder} is not a folder. Usage: npm start -- FOLDER (or npm start alone, for the bundled gallery).`);
}

await build({ pageOnly: true });

const tool = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/nearsight");
const tag = createHash("sha256").update(folder).digest("hex").slice(0, 8);
const dist = join(root, ".nearsight", `${basename(folder) || "root"}-${tag}`);

/** Hands the terminal to the tool, so that its progress shows and Ctrl-C reaches it. */
function hand(args) {
  return new Promise((done) => {
    const child = spawn(tool, args, { stdio: "inherit" });
    // The terminal sends the signal to the whole group; this process only waits for the tool to end well.
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("close", (status, signal) => done(signal ? 130 : status));
  });
}

say(`indexing ${folder}`);
const status = await hand(["build", folder, "-o", dist, "--page", join(root, "www/dist")]);
if (status !== 0) process.exit(status);
process.exit(await hand(["serve", dist, ...options]));
