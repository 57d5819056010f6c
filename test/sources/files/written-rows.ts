import type { Reader } from "../../../src/sources/reader.js";

/** Reads all content of a reader, and closes it. */
export async function readAll(reader: Reader): Promise<string> {
  const chunks: Buffer[] = [];
  const target = new Uint8Array(10_000);
  try {
    for (let count = await reader.read(target); count > 0; count = await reader.read(target))
      chunks.push(Buffer.from(target.subarray(0, count)));
  } finally {
    reader.close();
  }
  return Buffer.concat(chunks).toString();
}

/** Parses JSON for comparison: digits beyond 2^53 are kept, and 1 equals 1.0. */
export const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line.replace(/"user":(\d+)/, '"user":"$1"')));
