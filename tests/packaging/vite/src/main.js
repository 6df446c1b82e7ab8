// The lines of the README, and the result as text that the test reads.
import { createImageSearch } from "nearsight";

try {
  const search = await createImageSearch({ index: "/search/" });
  const [first] = await search.records();
  const { hits, stats } = await search.search(first.thumb, { k: 3 });
  document.body.textContent = JSON.stringify({ asked: first.id, found: hits.map((hit) => hit.id), embedMs: stats.embedMs });
  await search.close();
} catch (error) {
  document.body.textContent = JSON.stringify({ error: `${error.code}: ${error.message}` });
}
