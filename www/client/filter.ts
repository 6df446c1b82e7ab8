// A caller's filter → what the worker's search understands.
//
// Conditions cross as they are. A function cannot cross: it is asked here, once a picture, and the
// allowed ids cross as bits, so that the search still returns k hits when k pass.

import type { AllRecords, FilterSettings } from "./protocol.js";
import type { Filter } from "./types.js";

export async function toFilterSettings(filter: Filter | undefined, records: () => Promise<AllRecords>): Promise<FilterSettings> {
  if (typeof filter !== "function") {
    return { kind: "conditions", tags: filter?.tags ?? [], owner: filter?.owner ?? null, private: filter?.private === true };
  }
  const all = await records();
  const highest = all.records.reduce((most, record) => Math.max(most, record.id), -1);
  const bits = new Uint8Array((highest + 8) >> 3);
  for (const record of all.records) {
    const byte = record.id >> 3;
    if (filter(record)) bits[byte] = (bits[byte] ?? 0) | (1 << (record.id & 7));
  }
  return { kind: "allowed", bits, epoch: all.epoch };
}
