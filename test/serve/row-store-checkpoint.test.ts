import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/store.js";
import type { Database } from "../../src/row-store/lmdb.js";
import { RowDatabase } from "../../src/row-store/row-database.js";
import { RowDirectory } from "../../src/row-store/row-directory.js";
import { type LoadOptions, Scorer } from "../../src/serve/scorer.js";
import { CachedStore } from "../../src/tables/cached-store.js";
import { train } from "../../src/train/train.js";

/** Tables of every encoding with rows, of several optimizers and precisions; rows are admitted and evicted. */
const TABLES = `
tables:
  users: { dim: 8, encoding: exact, budget: 40 kB, eviction: { policy: lfu, expire_time: 30d }, precision: int8, optimizer: { adagrad: {} } }
  ads: { dim: 8, encoding: hot_cold, rows: 200, hot_cold: { threshold: 2, cold: { rows: 300 } }, optimizer: { adagrad: {} } }
  ids: { dim: 8, encoding: multi_hash, rows: 300, salt: field, optimizer: { rowwise_adagrad: {} } }
  context: { dim: 8, encoding: hash, rows: 500, shards: 3, salt: field, optimizer: { ftrl: { alpha: 0.4, beta: 1 } } }
  campaigns: { dim: 8, encoding: low_dim, low_dim: { dim: 4 }, optimizer: { adam: {} } }
  interests: { dim: 5, encoding: exact, admission: { occurrence_threshold: 3 }, optimizer: { ftrl: { alpha: 0.4, beta: 1 } } }
`;
const body = Buffer.from(
  JSON.stringify({
    context: { device: "d1", hour_of_day: "3", price: 2.5 },
    candidates: Array.from({ length: 300 }, (_, i) => ({
      user: `u${i * 7}`,
      ad: `a${i}`,
      site: `s${i % 40}`,
      campaign: `c${i % 90}`,
      user_interests: [`i${i % 9}`, `i${i % 31}`],
    })),
  }),
);
const cacheBytes = 20_000;
const folder = () => mkdtempSync(join(tmpdir(), "row-store-"));

async function answers(path: string, options: LoadOptions = {}): Promise<number[]> {
  const scorer = await Scorer.load(path, options);
  const { scores } = await scorer.score(body);
  await scorer.close();
  return scores;
}

describe("a checkpoint's rows on disk", () => {
  const out = join(folder(), "run");
  const store = folder();
  let rows: RowDirectory;
  let model: string;

  beforeAll(async () => {
    model = join(folder(), "ads.yaml");
    const [fields, tower] = readFileSync("features/ads-demo.yaml", "utf8").split(/^tables:[\s\S]*(?=^tower:)/m);
    writeFileSync(
      model,
      fields.replace("campaign, type: categorical, table: ids", "campaign, type: categorical, table: campaigns") +
        TABLES.trimStart() +
        tower,
    );
    await train({ model, data: "simulate:6000:7", out, checkpointEvery: 2000 });
    rows = await RowDirectory.open(store, { cacheBytes });
  });
  afterAll(() => rows.close());

  it("give the same scores, from a full checkpoint and from increments", async () => {
    const all = readdirSync(out)
      .filter((name) => name.startsWith("checkpoint-"))
      .map((name) => join(out, name));
    const chains = all.map((path) => openCheckpoint(path).checkpoint.chain.length);
    expect(Math.max(...chains)).toBeGreaterThan(1);
    expect(Math.min(...chains)).toBe(1);
    for (const path of all) {
      const expected = await answers(path);
      expect(new Set(expected).size).toBeGreaterThan(100);
      expect(await answers(path, { rowStore: rows })).toEqual(expected);
    }
  });

  it("are reused when a server restarts, without reading the checkpoint", async () => {
    const before = readdirSync(store).filter((name) => /^\d+$/.test(name));
    expect(before).toHaveLength(1);
    await rows.close();
    rows = await RowDirectory.open(store, { cacheBytes });
    expect(await answers(out, { rowStore: rows })).toEqual(await answers(out));
    expect(readdirSync(store).filter((name) => /^\d+$/.test(name))).toEqual(before);
  });

  it("are replaced by those of a newer one", async () => {
    const before = readdirSync(store);
    await train({ model, data: "simulate:8000:7", out, resume: true });
    await rows.close();
    rows = await RowDirectory.open(store, { cacheBytes });
    expect(await answers(out, { rowStore: rows })).toEqual(await answers(out));
    expect(readdirSync(store)).not.toEqual(before);
  });

  it("give the same scores in the batch after 2^32 others", async () => {
    const { gather } = CachedStore.prototype;
    CachedStore.prototype.gather = function (...given) {
      Reflect.set(this, "batch", 2 ** 32 - 1);
      return gather.apply(this, given);
    };
    const fresh = await RowDirectory.open(folder(), { cacheBytes: 2_000 });
    try {
      expect(await answers(out, { rowStore: fresh })).toEqual(await answers(out));
    } finally {
      CachedStore.prototype.gather = gather;
      await fresh.close();
    }
  });

  it("are loaded from the remaining one if the checkpoint is removed during the load", async () => {
    const [run, gone] = [join(folder(), "run"), folder()];
    cpSync(out, run, { recursive: true });
    const names = readdirSync(run).filter((name) => name.startsWith("checkpoint-"));
    const [before, newest] = names.sort().slice(-2);
    const { write } = RowDatabase.prototype;
    RowDatabase.prototype.write = function (...given) {
      RowDatabase.prototype.write = write;
      renameSync(join(run, newest), join(gone, newest));
      write.apply(this, given);
    };
    const fresh = await RowDirectory.open(folder(), { cacheBytes });
    expect(await answers(run, { rowStore: fresh })).toEqual(await answers(join(run, before)));
    expect(readdirSync(gone)).toEqual([newest]);
    await fresh.close();
  });

  it.each([
    ["cut off", (file: string) => truncateSync(file, 8192)],
    ["overwritten at its beginning", (file: string) => writeFileSync(file, Buffer.alloc(8192, 7), { flag: "r+" })],
  ])("are loaded again if the database is %s", async (_, spoil) => {
    await rows.close();
    const [number] = readdirSync(store).filter((name) => /^\d+$/.test(name));
    spoil(join(store, number, "data.mdb"));
    const notes: string[] = [];
    rows = await RowDirectory.open(store, { cacheBytes, tell: (text) => notes.push(text) });
    expect(notes).toEqual([expect.stringMatching(/^row store: .*rebuilding it$/)]);
    expect(await answers(out, { rowStore: rows })).toEqual(await answers(out));
  });

  it("are loaded again if their state is damaged; the database that is removed is closed, which frees its disk space", async () => {
    await answers(out, { rowStore: rows });
    await rows.close();
    const [number] = readdirSync(store).filter((name) => /^\d+$/.test(name));
    const database = await RowDatabase.open(join(store, number), { cacheBytes });
    const { state } = database as unknown as { state: Database };
    state.putSync(Buffer.from("state"), Buffer.from("not a frame"));
    await database.close();
    const closing = vi.spyOn(RowDatabase.prototype, "close");
    const notes: string[] = [];
    rows = await RowDirectory.open(store, { cacheBytes, tell: (text) => notes.push(text) });
    expect(notes).toHaveLength(1);
    expect(closing).toHaveBeenCalledOnce();
    closing.mockRestore();
    expect(await answers(out, { rowStore: rows })).toEqual(await answers(out));
  });

  it("are refused if they belong to another model, and with dims, learning or threads", async () => {
    const other = join(folder(), "other");
    await train({ model: "features/ads-demo.yaml", data: "simulate:500:7", out: other });
    await rows.close();
    rows = await RowDirectory.open(store, { cacheBytes });
    await expect(Scorer.load(other, { rowStore: rows })).rejects.toMatchObject({ code: "row_store_mismatch" });
    for (const options of [{ workers: 1 }, { dims: { all: 2 } }, { prior: 1 }])
      await expect(Scorer.load(out, { rowStore: rows, ...options })).rejects.toMatchObject({ code: "usage" });
    expect(await answers(out, { rowStore: rows })).toEqual(await answers(out));
  });
});
