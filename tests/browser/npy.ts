// What `nearsight embed` writes, read.

import { readFileSync } from "node:fs";

/** A NumPy file of 32-bit floats in rows. */
export function readNpy(path: string): number[][] {
  const bytes = readFileSync(path);
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, 10 + length);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!header.includes("'<f4'") || shape === null) throw new Error(`${path} holds no rows of 32-bit floats: ${header}`);
  const [rows, columns] = [Number(shape[1]), Number(shape[2])];
  const start = 10 + length;
  return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => bytes.readFloatLE(start + (row * columns + column) * 4)));
}
