import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Frame } from "../../src/delta-log/frame.js";
import type { RootDatabase } from "../../src/row-store/lmdb.js";
import { RowDatabase } from "../../src/row-store/row-database.js";
import type { KeptRows } from "../../src/tables/kept-rows.js";
import type { StoreSpec } from "../../src/tables/spec.js";

const COUNT = 500;
const keys = BigUint64Array.from({ length: COUNT }, (_, i) => BigInt(i));
const weights = Float32Array.from({ length: COUNT }, (_, i) => i + 0.5);
const update = { name: "ids", dim: 1, keys, weights, removed: new BigUint64Array() };
/** More rows than are written at once. */
const state = { tables: [update], dense: [], statistics: null };
const frame: Frame = { epoch: 1, sent: 2, body: new Uint8Array(3) };

async function valuesIn(rows: KeptRows): Promise<number[]> {
  const values: number[] = [];
  await rows.read(keys, (place, bytes) => {
    values[place] = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
  });
  return values;
}

/** Aborts the next transaction at its end, as a full disk does. */
function failOnce(database: RowDatabase): Promise<void> {
  const root = (database as unknown as { root: RootDatabase }).root;
  const { transactionSync } = root;
  return new Promise((failed) => {
    root.transactionSync = (step) => {
      root.transactionSync = transactionSync;
      failed();
      return transactionSync.call(root, () => {
        step();
        throw new Error("No space left on device");
      }) as never;
    };
  });
}

it("rows that could not be moved into their tables for want of room are there after the next change, and a restart", async () => {
  const path = mkdtempSync(join(tmpdir(), "row-database-"));
  const database = await RowDatabase.open(path, { cacheBytes: 0 });
  const spec = { name: "ids", dim: 1 } as StoreSpec;
  const rows = database.rowsOf(spec);
  database.write([state], () => frame);
  await failOnce(database);
  await turn();
  expect(await valuesIn(rows)).toEqual([...weights]);
  database.write([], () => frame);
  expect(await valuesIn(rows)).toEqual([...weights]);
  await database.close();
  const again = await RowDatabase.open(path, { cacheBytes: 0 });
  expect(await valuesIn(again.rowsOf(spec))).toEqual([...weights]);
  await again.close();
});
