// A plugin for Vite of one setting: its dev server moves the scripts of dependencies and leaves their
// workers and wasm behind; with this it leaves the package where it is. The build needs no plugin.

export interface VitePlugin {
  readonly name: string;
  config(): { optimizeDeps: { exclude: string[] } };
}

export function nearsight(): VitePlugin {
  return { name: "nearsight", config: () => ({ optimizeDeps: { exclude: ["nearsight"] } }) };
}
