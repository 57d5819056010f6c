import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "../src/core/rng.js";
import { RowDirectory } from "../src/row-store/row-directory.js";
import {
  bodyOf,
  CANDIDATES,
  compare,
  DIM,
  EXPONENT,
  FIELDS,
  forget,
  load,
  ROW_BYTES,
  Scoring,
  stateOf,
  sum,
  told,
  zipf,
} from "./lib/row-scoring.js";
import { round } from "./lib/run.js";

const CHANGED = 10_000;

/**
 * A scorer with its table on disk, with memory for a tenth of the rows, compared with one with all rows in memory: the same new requests of Zipf
 * ids, alternating, after their responses were compared.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const rows = smoke ? 20_000 : 5_000_000;
  const requests = smoke ? 20 : 400;
  const draw = zipf(rows);
  const bodies = (count: number) => Array.from({ length: count }, () => bodyOf(draw));
  const path = mkdtempSync(join(tmpdir(), "row-store-"));
  const memory = await Scoring.open();
  await load(memory, rows);
  let directory = await RowDirectory.open(path, { cacheBytes: 0.1 * rows * ROW_BYTES });
  let disk = await Scoring.open(directory);
  const loaded = await load(disk, rows);
  const file = statSync(join(path, "1/data.mdb"));
  await compare(memory, disk, bodies(smoke ? 20 : 200));
  // Until its memory is full, and rows have been evicted for a while.
  for (let request = 0; request < rows / 500; request++) await disk.score(bodyOf(draw));
  const times = { memory: [] as number[], disk: [] as number[] };
  const shares: number[] = [];
  for (let turn = 0; turn < (smoke ? 1 : 7); turn++) {
    const asked = bodies(requests);
    const [a, b] = [await memory.times(asked), await disk.times(asked)];
    times.memory.push(...a);
    times.disk.push(...b);
    shares.push(sum(a) / sum(b));
  }
  shares.sort((a, b) => a - b);
  const share = shares[shares.length >> 1];
  if (!smoke && share < 0.5) throw new Error(`rows on disk: only ${share} of the rate with all rows in memory`);
  const entries = { memory: await entry(memory, rows), disk: await entry(disk, rows) };
  await compare(memory, disk, bodies(smoke ? 5 : 50));
  await disk.close();
  await directory.close();
  forget(join(path, "1/data.mdb"));
  const started = performance.now();
  directory = await RowDirectory.open(path, { cacheBytes: 0.1 * rows * ROW_BYTES });
  const kept = directory.kept!;
  disk = await Scoring.open(directory);
  await disk.goOn(kept);
  const restart = performance.now() - started;
  const cold = await disk.times(bodies(smoke ? 5 : 100));
  await compare(memory, disk, bodies(smoke ? 5 : 50));
  return {
    what: "rows in a database on disk, memory for a tenth of them, compared with all rows in memory; one thread, one request at a time, alternating",
    rows,
    dim: DIM,
    fields: FIELDS,
    candidates: CANDIDATES,
    zipf: EXPONENT,
    compared: "equal, before, after and following an entry and a restart",
    rate_share: round(share, 3),
    rate_shares: shares.map((one) => round(one, 3)),
    memory: told(times.memory),
    disk: told(times.disk),
    database_bytes_per_row: round(file.size / rows, 1),
    load_rows_per_second: Math.round(rows / loaded),
    entry_of_changed_rows: { rows: CHANGED, memory_ms: round(entries.memory, 1), disk_ms: round(entries.disk, 1) },
    restart_ms: round(restart, 0),
    first_requests_from_disk: told(cold),
  };
}

/** An entry of changed rows. @returns milliseconds */
async function entry(scoring: Scoring, rows: number): Promise<number> {
  const rng = new Rng(9);
  const state = stateOf(Array.from({ length: Math.min(CHANGED, rows) }, () => rng.below(rows)));
  for (let i = 0; i < state.tables[0].weights.length; i++) state.tables[0].weights[i] *= 2;
  const started = performance.now();
  await scoring.apply([state], true);
  return performance.now() - started;
}
