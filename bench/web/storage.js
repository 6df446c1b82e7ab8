// Bytes ⇄ the browser's private file system, through handles that read straight into the buffer they are given.
async function handle(name, create) {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle(name, { create });
  return file.createSyncAccessHandle();
}

/** A saved file that stays open: `read(at, length)` gives its bytes at once. */
export async function open(name) {
  const file = await handle(name, false);
  return {
    read(at, length) {
      const bytes = new Uint8Array(length);
      const read = file.read(bytes, { at });
      if (read !== length) throw new Error(`${name}: ${read} of ${length} bytes could be read from ${at} on`);
      return bytes;
    },
    close: () => file.close(),
  };
}

/** Writes parts one after the other. */
export async function save(name, parts) {
  const file = await handle(name, true);
  try {
    file.truncate(0);
    let at = 0;
    for (const part of parts) at += file.write(part, { at });
    file.flush();
    return at;
  } finally {
    file.close();
  }
}

/** Reads into what `place(bytes)` gives: a view of module memory saves a copy. */
export async function load(name, place = (bytes) => new Uint8Array(bytes)) {
  const file = await handle(name, false);
  try {
    const target = place(file.getSize());
    const read = file.read(target, { at: 0 });
    if (read !== target.length) throw new Error(`${name}: ${read} of ${target.length} bytes could be read`);
    return target;
  } finally {
    file.close();
  }
}

/** The rows that indexes are made of. */
export async function baseRows() {
  return new Float32Array(await (await fetch("/data/vectors.base.f32")).arrayBuffer());
}
