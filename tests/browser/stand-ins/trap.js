// Makes the module trap at searches, as a panic in Rust does: with a WebAssembly.RuntimeError out of an
// export. With `?always` at every search; else once, after the page has said so on a channel.
const always = new URL(location.href).searchParams.has("always");
let armed = false;
const channel = new BroadcastChannel("trap");
channel.onmessage = () => {
  armed = true;
};

const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (module, imports) => {
  const instance = await instantiate(module, imports);
  const exports = {};
  for (const [name, value] of Object.entries(instance.exports)) {
    exports[name] = name !== "index_search" ? value : (...given) => {
      if (always || armed) {
        armed = false;
        throw new WebAssembly.RuntimeError("unreachable");
      }
      return value(...given);
    };
  }
  return Object.create(WebAssembly.Instance.prototype, { exports: { value: exports } });
};
