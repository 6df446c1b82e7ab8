// Folders → a server on this machine whose pages are cross-origin isolated: only there has the clock steps of 5 µs.
// Code is served as a site serves files with a hash in their name: the browser keeps it, and what it compiled of it.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const CODE = [".js", ".mjs", ".wasm"];
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

/** `folders` maps the first part of an address to a folder; "" is what all others fall to. */
export function serve(folders, port) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname)).split(sep).filter(Boolean);
    const [first, ...rest] = path;
    const file = folders[first] === undefined ? join(folders[""], ...path) : join(folders[first], ...rest);
    let found;
    try {
      found = statSync(file);
    } catch {
      found = undefined;
    }
    const head = {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": CODE.includes(extname(file)) ? "public, max-age=31536000, immutable" : "no-cache",
    };
    if (!found?.isFile() || path.includes("..")) {
      response.writeHead(404, head).end();
      return;
    }
    response.writeHead(200, { ...head, "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-length": found.size });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
