// The page that `nearsight serve` shows. It uses the package's public door alone, so it is also the
// longest example of it.
//
// ?poll=SECONDS changes how often a visible page asks for a new epoch (default 30).

import { createImageSearch, NearsightError, type Hit, type ImageSearch, type PictureRecord } from "nearsight";
import { element, make } from "./elements.js";
import { setUpIntake } from "./intake.js";
import { showStats } from "./panel.js";
import { dimHits, showCollection, showHits, thumbnail } from "./results.js";
import { consented, setUpSharing } from "./sharing.js";
import { clearTrouble, notice, say, setUpTrouble, showProgress, showTrouble } from "./status.js";
import { setUpTheme } from "./theme.js";
import { count, milliseconds, name } from "./words.js";

/** What is searched for: a file of the visitor's, a sample, or more like a hit. */
type Query =
  | { readonly kind: "file"; readonly file: File }
  | { readonly kind: "sample"; readonly record: PictureRecord; readonly thumb: string }
  | { readonly kind: "like"; readonly record: PictureRecord };

const HITS = 24;
const SAMPLES = 8;
/** How many pictures of the collection are shown before anything was asked. */
const BROWSED = 24;

const poll = Number(new URLSearchParams(location.search).get("poll") ?? "30");
const queries: Query[] = [];
let opening: Promise<ImageSearch> | null = null;
let running = new AbortController();
let shownAddress: string | null = null;

setUpTheme();
setUpTrouble();
setUpIntake({ onPicture: (file) => ask({ kind: "file", file }), onNothing: (why) => notice(why) });
addEventListener("popstate", (event) => {
  const at: unknown = event.state;
  const query = typeof at === "number" ? queries[at] : undefined;
  if (query !== undefined) void run(query);
});
void start();

function open(): Promise<ImageSearch> {
  opening ??= createImageSearch({
    index: "./",
    events: { consent: consented() },
    onProgress: showProgress,
    onUpdate: ({ epoch }) => notice(`The index was renewed: epoch ${count(epoch)}.`),
  });
  return opening;
}

async function start(): Promise<void> {
  try {
    const search = await open();
    setUpSharing(search);
    await showSamples(search);
    if (queries.length === 0) say(`Ready: ${count(search.pictures)} pictures.`);
    watchForUpdates(search);
  } catch (error) {
    opening = null;
    showTrouble(error, () => void start());
  }
}

async function showSamples(search: ImageSearch): Promise<void> {
  const records = (await search.records()).filter((record) => record.thumb !== null && !record.private);
  const samples = spread(records, SAMPLES);
  element("sample-list", HTMLUListElement).replaceChildren(
    ...samples.map((record) => {
      const item = make("li");
      const button = make("button", "sample");
      button.type = "button";
      button.append(thumbnail(record, true));
      button.setAttribute("aria-label", `Search with the sample ${name(record)}`);
      button.addEventListener("click", () => {
        if (record.thumb !== null) ask({ kind: "sample", record, thumb: record.thumb });
      });
      item.append(button);
      return item;
    }),
  );
  element("samples", HTMLElement).hidden = samples.length === 0;
  // A question may have been asked while the records came.
  if (queries.length > 0) return;
  const others = records.filter((record) => !samples.includes(record));
  showCollection(spread(others, BROWSED), (record) => ask({ kind: "like", record }));
}

/** This many of them, evenly over the whole. */
function spread<T>(all: readonly T[], wanted: number): T[] {
  const taken = Math.min(wanted, all.length);
  return Array.from({ length: taken }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / taken)]).filter((one) => one !== undefined);
}

/** A new question: it can be come back to with the browser's back button. */
function ask(query: Query): void {
  queries.push(query);
  history.pushState(queries.length - 1, "");
  void run(query);
}

async function run(query: Query): Promise<void> {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  clearTrouble();
  showQuery(query);
  dimHits(true);
  say("Searching…");
  try {
    const search = await open();
    const input = query.kind === "file" ? query.file : query.kind === "sample" ? query.thumb : { id: query.record.id };
    const { hits, stats } = await search.search(input, { k: HITS, signal });
    showHits(hits, search.metric, (hit) => openHit(search, hit));
    const tookMs = stats.decodeMs + stats.embedMs + stats.searchMs;
    say(hits.length === 0 ? "Nothing found." : `${count(hits.length)} pictures in ${milliseconds(tookMs)}, the most alike first.`);
    const memory = await search.memory();
    if (!signal.aborted) showStats(stats, memory);
  } catch (error) {
    if (error instanceof NearsightError && error.code === "aborted") return;
    await forgetFailedOpening();
    showTrouble(error, () => void run(query));
  } finally {
    if (running.signal === signal) dimHits(false);
  }
}

/** A session that could not be opened is opened anew; one that works is kept. */
async function forgetFailedOpening(): Promise<void> {
  const held = opening;
  try {
    await held;
  } catch {
    if (opening === held) opening = null;
  }
}

function openHit(search: ImageSearch, hit: Hit): void {
  search.click(hit);
  ask({ kind: "like", record: hit });
  element("query", HTMLElement).scrollIntoView({ block: "nearest" });
}

function showQuery(query: Query): void {
  if (shownAddress !== null) URL.revokeObjectURL(shownAddress);
  shownAddress = query.kind === "file" ? URL.createObjectURL(query.file) : null;
  const address = query.kind === "file" ? shownAddress : query.kind === "sample" ? query.thumb : query.record.thumb;
  const picture = element("query-picture", HTMLImageElement);
  picture.hidden = address === null;
  picture.alt = query.kind === "file" ? "Your picture" : name(query.record);
  // What the browser cannot show, the search may still be able to read.
  picture.onerror = (): void => {
    picture.hidden = true;
  };
  if (address !== null) picture.src = address;
  const caption = query.kind === "file" ? query.file.name : query.kind === "sample" ? name(query.record) : `Like ${name(query.record)}`;
  element("query-caption", HTMLElement).textContent = caption;
  element("query", HTMLElement).hidden = false;
}

function watchForUpdates(search: ImageSearch): void {
  const check = (): void => {
    if (document.visibilityState !== "visible") return;
    // A check that fails is made again at the next turn; what is held stays good.
    search.checkForUpdate().catch(() => undefined);
  };
  setInterval(check, Math.max(1, poll) * 1_000);
  document.addEventListener("visibilitychange", check);
}
