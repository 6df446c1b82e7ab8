// An index that has just opened → a picture and a search that nobody asked for, so that the visitor's first takes no longer than the next.
//
// A browser compiles a module function by function, as each is first called: decoding, embedding and searching for the first time take several times
// what they take later. Nothing is fetched for it, and no answer depends on it.

import type { Options } from "../wasm/nearsight.js";
import type { Epoch } from "./epoch.js";
import { nextTask, type Pictures } from "./pictures.js";

/**
 * A JPEG as cameras make them, of 48 x 40 pixels, its colours stored at half the size: a rectangle, drawn for this by Pillow. A canvas could make one
 * too, but clearing it away later holds the worker up for as long as this saves.
 */
const PHOTO =
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/" +
  "2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAoADADASIAAhEBAxEB/8QA" +
  "GAABAQEBAQAAAAAAAAAAAAAAAAUEAwb/xAAqEAABAwEFBgcAAAAAAAAAAAAAAQIDEQQFEhRTEyFBUZKiMTRDcoKxwf/EABgBAAMBAQAAAAAAAAAAAAAAAAAD" +
  "BAIB/8QAGxEAAgIDAQAAAAAAAAAAAAAAAAECEQMSMhP/2gAMAwEAAhEDEQA/APMgG27YIp9ptG4qUpvVOZxulZqMdnSMQLWQs2l3KMhZtLuUX6oZ4SIoKF4W" +
  "aGGBro2YVV1PFV4KTxkZbKxcouLpgo3P63x/Scb7qkZHtcb2trSlVpzM5OTWLtFQHLMQa0fUgzEGtH1ITUyy0Z728s33p9KSSnecsb7O1GSNcuNNyLXgpMKM" +
  "fJJl6AAGCgAAAAAAP//Z";

const OPTIONS: Options = { k: 10, recall: 0.9, minScore: null, exact: false, distinct: false, perOwner: null, without: [], tags: [], owner: null, private: true };

/** The epoch stays pinned until it is done: another may come meanwhile. */
export function warm(epoch: Epoch, pictures: Pictures | null): Promise<void> {
  return epoch.use(async () => {
    const vector = pictures === null ? new Float32Array(epoch.index.dimension).fill(1) : await vectorOf(PHOTO, pictures);
    await nextTask();
    epoch.index.search(vector, OPTIONS, undefined);
  });
}

async function vectorOf(photo: string, pictures: Pictures): Promise<Float32Array> {
  const blob = new Blob([Uint8Array.from(atob(photo), (letter) => letter.charCodeAt(0))]);
  return (await pictures.embed({ kind: "blob", blob }, new AbortController().signal)).vector;
}
