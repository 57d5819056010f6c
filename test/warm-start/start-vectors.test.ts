import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inspect, train } from "../../src/index.js";
import { parseSpec } from "../../src/spec/parse.js";
import { writeIdVectors } from "../../src/warm-start/id-vectors.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-vectors-"));
const specOf = (shards: number) =>
  parseSpec(
    `name: shop${shards}
events: { format: csv, columns: [clicked, item] }
label: { field: clicked }
fields: [{ name: item, type: categorical, table: items }]
tables: { items: { dim: 4, encoding: exact, rows: 100, shards: ${shards} } }
tower: { deep_crossing: { residual: [4] } }
train: { batch: 16 }
`,
    "shop.yaml",
  );
const events = join(folder, "events.csv");
writeFileSync(events, Array.from({ length: 400 }, (_, i) => `${Number(i % 3 === 0)},i${i % 20}\n`).join(""));
const one = join(folder, "one.csv");
writeFileSync(one, "0,other\n");
const given = join(folder, "vectors");
// i0 to i19 have rows that learned, n0 to n19 have none.
const ids = Array.from({ length: 40 }, (_, i) => (i < 20 ? `i${i}` : `n${i - 20}`));
const vectors = Float32Array.from({ length: 160 }, (_, i) => Math.cos(i));
writeIdVectors(given, { ids, dim: 4, vectors }, new Uint32Array(40).fill(1), {});

describe.each([1, 3])("--init-table beside --init-from, a table of %i shards", (shards) => {
  it("leaves rows that were taken from the checkpoint as they have learned", async () => {
    const [before, after] = ["before", "after"].map((name) => join(folder, `${name}-${shards}`));
    const model = specOf(shards);
    await train({ model, data: events, out: before, threads: 1 });
    const initTables = [{ table: "items", path: given }];
    await train({ model, data: one, out: after, initFrom: before, initTables, threads: 1 });
    const rowOf = async (checkpoint: string, id: string) =>
      (await inspect({ checkpoint, field: "item", value: [id] })).tables[0].asked!.weights;
    for (const id of ["i0", "i7", "i19"]) expect(await rowOf(after, id)).toEqual(await rowOf(before, id));
    // One without a row has its vector's direction.
    const row = (await rowOf(after, "n3"))!;
    for (let c = 1; c < 4; c++) expect(row[c] / row[0]).toBeCloseTo(vectors[4 * 23 + c] / vectors[4 * 23], 4);
  });
});
