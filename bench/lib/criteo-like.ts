import { closeSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "../../src/core/rng.js";
import { madeOnce } from "./made-once.js";

const CARDINALITIES = Array.from({ length: 26 }, (_, i) => 10 ** (1 + (i % 6)));

/** Rows written at a time. */
const BLOCK = 4096;

/**
 * One Criteo-like row: label, 13 counts, 26 hexadecimal ids with Zipf-like frequencies, tab-separated, about 260 bytes.
 * The label depends on three of the ids, so that there is something to learn.
 */
function row(rng: Rng): string {
  const counts = Array.from({ length: 13 }, () =>
    rng.uniform() < 0.2 ? "" : String(Math.floor(Math.exp(rng.uniform() * 8))),
  );
  const ids = CARDINALITIES.map((n) => Math.floor(n ** rng.uniform()));
  const score = [1, 2, 3].reduce((sum, i) => sum + ((Math.imul(ids[i], 2654435761) >>> 16) % 100) / 60, -3.2);
  const label = rng.uniform() < 1 / (1 + Math.exp(-score)) ? "1" : "0";
  const hex = ids.map((id, i) =>
    rng.uniform() < 0.05 ? "" : ((Math.imul(id, 2654435761) + i * 977) >>> 0).toString(16).padStart(8, "0"),
  );
  return [label, ...counts, ...hex].join("\t");
}

/** Writes a file of `rows` Criteo-like rows under the temporary folder, once, and returns its path. */
export function criteoLike(rows: number): string {
  return madeOnce(join(tmpdir(), "hashbrook-bench", `criteo-like-${rows}.tsv`), (part) => {
    const rng = new Rng(12345);
    const file = openSync(part, "w");
    for (let written = 0; written < rows; written += BLOCK) {
      const block = Array.from({ length: Math.min(BLOCK, rows - written) }, () => row(rng));
      writeSync(file, `${block.join("\n")}\n`);
    }
    closeSync(file);
  });
}
