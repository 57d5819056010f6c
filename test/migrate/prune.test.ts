import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { blocksOf } from "../../src/checkpoints/lazy-blocks.js";
import { CheckpointStore, openCheckpoint } from "../../src/checkpoints/store.js";
import { openFollow } from "../../src/delta-log/open.js";
import { migrate } from "../../src/migrate/migrate.js";
import { pruneCheckpoint } from "../../src/migrate/prune.js";
import { specOf } from "../../src/model/load.js";
import { Scorer } from "../../src/serve/scorer.js";
import { parseSpec } from "../../src/spec/parse.js";
import { evaluate } from "../../src/train/evaluation/evaluate.js";
import { train } from "../../src/train/train.js";
import { openDistilled } from "../../src/warm-start/distil.js";

const spec = (tower: string, encoding = "exact") =>
  parseSpec(
    `
name: pruned
events: { format: json }
label: { field: label }
fields: [{ name: user, type: categorical, table: users }, { name: ad, type: categorical, table: ads }]
tables: { users: { dim: 4 }, ads: { dim: 4, encoding: ${encoding}, rows: 64 } }
tower: ${tower}
`,
    "test.yaml",
  );
const folder = () => mkdtempSync(join(tmpdir(), "hashbrook-test-"));

/** Squared lengths of a checkpoint's rows, by table and key. */
async function lengthsOf(path: string): Promise<Map<string, number>> {
  const opened = openCheckpoint(path);
  const { tables, tower } = specOf(opened);
  const lengths = new Map<string, number>();
  for (const table of tables) {
    const rows = await openDistilled(table, tower.runtime);
    rows.restore(blocksOf(opened.checkpoint));
    for (const { keys, weights } of rows.stores[0].exportRows())
      keys.forEach((key, r) => {
        lengths.set(`${table.name} ${key}`, Math.hypot(...weights.subarray(4 * r, 4 * r + 4)));
      });
    await rows.close();
  }
  return lengths;
}

it("keeps the rows with the longest vectors of all tables unchanged, and still scores", async () => {
  const [out, pruned] = [folder(), folder()];
  await train({ model: spec("dcn_v2"), data: "simulate:2000:5:json", out });
  const before = await lengthsOf(out);
  const report = await pruneCheckpoint({ checkpoint: out, keep: 0.2, out: pruned });
  const ranked = [...before].sort(([, a], [, b]) => b - a);
  const kept = await lengthsOf(pruned);
  expect(kept).toEqual(new Map(ranked.slice(0, kept.size)));
  expect(Math.abs(kept.size - 0.2 * before.size)).toBeLessThanOrEqual(1);
  expect(report.tables.map(({ name }) => name)).toEqual(["users", "ads"]);
  const total = report.tables.reduce((sum, { rows }) => sum + rows, 0);
  expect(total).toBe(kept.size);
  const { auc, examples } = await evaluate({ checkpoint: pruned, data: "simulate:500:6:json" });
  expect([examples, auc! > 0 && auc! < 1]).toEqual([500, true]);
});

it("makes a run that can be gone on with where the old one had set clicks aside, as migrate does", async () => {
  const out = folder();
  await train({ model: spec("dcn_v2"), data: "simulate:500:5:json", out });
  const { checkpoint } = openCheckpoint(out);
  const blocks = checkpoint.blocks.map(({ name }) => checkpoint.read(name));
  new CheckpointStore(out).save(501, { meta: { ...checkpoint.meta, rejected_bytes: 4, late_bytes: 57 }, blocks });
  const [pruned, migrated] = [folder(), folder()];
  await pruneCheckpoint({ checkpoint: out, keep: 0.5, out: pruned });
  await migrate({ checkpoint: out, model: spec("dcn_v2", "hash"), out: migrated });
  for (const run of [pruned, migrated])
    expect(openCheckpoint(run).checkpoint.meta).toMatchObject({ rejected_bytes: 0, late_bytes: 0 });
});

it("goes on in the log of the run before: followers answer as it does, without the rows that are gone", async () => {
  const [out, pruned, log] = [folder(), folder(), folder()];
  const [model, publish] = [spec("dcn_v2"), { urls: [log] }];
  await train({ model, data: "simulate:2000:5:json", out, publish });
  const follower = Scorer.follow(openFollow(log));
  const versionServed = () => follower.health().version?.version;
  await expect.poll(versionServed).toBe(2000);
  await pruneCheckpoint({ checkpoint: out, keep: 0.2, out: pruned });
  await train({ model, data: "simulate:100:6:json", out: pruned, resume: true, publish });
  await expect.poll(versionServed).toBe(2100);
  const loaded = await Scorer.load(pruned);
  const candidates = Array.from({ length: 400 }, (_, i) => ({ user: `u${i}`, ad: `a${i}` }));
  const body = Buffer.from(JSON.stringify({ context: {}, candidates }));
  const { scores } = await loaded.score(body);
  expect(new Set(scores).size).toBeGreaterThan(50);
  expect((await follower.score(body)).scores).toEqual(scores);
  await Promise.all([follower.close(), loaded.close()]);
});

it("refuses an invalid share, and a model whose rows are shared by ids", async () => {
  const [out, pruned] = [folder(), folder()];
  await train({ model: spec("dcn_v2"), data: "simulate:300:5:json", out });
  await expect(pruneCheckpoint({ checkpoint: out, keep: 1, out: pruned })).rejects.toThrow("between 0 and 1");
});
