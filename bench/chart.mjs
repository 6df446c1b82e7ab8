// Points → recall against time as an SVG; time on a logarithmic axis.
import { envelope } from "./report.mjs";

const WIDTH = 760;
const HEIGHT = 460;
const EDGE = { left: 62, right: 150, top: 36, bottom: 52 };
const COLOURS = ["#0b6e4f", "#c1440e", "#1f4e9e", "#8a4fa3", "#7a6a00"];
const LEAST_RECALL = 0.8;

export function chart({ systems, rows, dimension, k }, points) {
  const shown = points.filter((point) => point.recall >= LEAST_RECALL);
  const times = shown.map((point) => point.median_us);
  const [low, high] = [Math.log10(Math.min(...times) * 0.8), Math.log10(Math.max(...times) * 1.25)];
  const x = (time) => EDGE.left + (Math.log10(time) - low) / (high - low) * (WIDTH - EDGE.left - EDGE.right);
  const y = (recall) => HEIGHT - EDGE.bottom - (recall - LEAST_RECALL) / (1 - LEAST_RECALL) * (HEIGHT - EDGE.top - EDGE.bottom);
  const parts = [];
  const text = (at, up, words, more = "") => parts.push(`<text x="${at.toFixed(1)}" y="${up.toFixed(1)}" ${more}>${words}</text>`);
  const stroke = (x1, y1, x2, y2) => parts.push(`<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ddd"/>`);
  for (let power = Math.floor(low); power <= high; power++) {
    for (const step of [1, 2, 5]) {
      const time = step * 10 ** power;
      if (Math.log10(time) < low || Math.log10(time) > high) continue;
      stroke(x(time), EDGE.top, x(time), HEIGHT - EDGE.bottom);
      text(x(time), HEIGHT - EDGE.bottom + 18, time, 'text-anchor="middle"');
    }
  }
  for (const recall of [0.8, 0.85, 0.9, 0.95, 0.99, 1]) {
    stroke(EDGE.left, y(recall), WIDTH - EDGE.right, y(recall));
    text(EDGE.left - 8, y(recall) + 4, recall.toFixed(2), 'text-anchor="end"');
  }
  text(EDGE.left, 22, `${rows.toLocaleString("en")} × ${dimension}: recall@${k} against time`, 'font-size="15"');
  text((EDGE.left + WIDTH - EDGE.right) / 2, HEIGHT - 12, "median microseconds a query, one thread, Chromium", 'text-anchor="middle"');
  systems.forEach((system, number) => {
    const colour = COLOURS[number % COLOURS.length];
    const own = envelope(shown.filter((point) => point.system === system));
    const path = own.map((point) => `${x(point.median_us).toFixed(1)},${y(point.recall).toFixed(1)}`);
    if (path.length > 1) parts.push(`<polyline points="${path.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const place of path) {
      const [cx, cy] = place.split(",");
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`);
    }
    const up = EDGE.top + 18 + 22 * number;
    parts.push(`<rect x="${WIDTH - EDGE.right + 14}" y="${up - 10}" width="12" height="12" fill="${colour}"/>`);
    text(WIDTH - EDGE.right + 32, up, system);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}
