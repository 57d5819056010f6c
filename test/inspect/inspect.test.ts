import { truncateSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { CheckpointStore, openCheckpoint } from "../../src/checkpoints/store.js";
import { checkpointSpec, inspect, keysOf, lag, loadSpec, specHash, train } from "../../src/index.js";
import { run, temporary } from "../e2e/hashbrook.js";

const MODEL = "features/ads-demo.yaml";
const out = temporary();

beforeAll(async () => {
  await train({ model: MODEL, data: "simulate:3000:7", out });
});

describe("inspect", () => {
  it("describes a checkpoint, as the command prints it", async () => {
    const { spec, ...report } = await inspect({ checkpoint: out });
    expect(report).toMatchObject({ examples: 3000, spec_hash: specHash(loadSpec(MODEL)), passed_over: [] });
    expect(specHash(spec)).toBe(report.spec_hash);
    expect(report.tables.map(({ top }) => top.length)).toEqual(report.tables.map(({ rows }) => Math.min(rows, 5)));
    for (const { top } of report.tables) {
      const norms = top.map(({ norm }) => norm);
      expect(norms).toEqual([...norms].sort((a, b) => b - a));
    }
    const { stdout } = await run(["inspect", "--checkpoint", out, "--json"]);
    expect(stdout).toBe(`${JSON.stringify(report)}\n`);
  });

  it("finds the row of a value by its key, nearest to itself", async () => {
    const { tables, spec } = await inspect({ checkpoint: out, field: "ad", value: ["a1"], top: 1 });
    const [{ table, key }] = keysOf(spec, "ad", ["a1"]);
    const { asked, top } = tables.find(({ name }) => name === table)!;
    expect(asked?.key).toBe(key);
    expect(asked?.weights).not.toBeNull();
    expect(top).toMatchObject([{ key, weights: asked?.weights, similarity: expect.closeTo(1, 6) }]);
  });

  it("requires a value with a field, and a checkpoint", async () => {
    await expect(inspect({ checkpoint: out, field: "ad" })).rejects.toMatchObject({ code: "usage" });
    await expect(inspect({ checkpoint: out, field: "no", value: ["1"] })).rejects.toMatchObject({ code: "usage" });
    await expect(inspect({ checkpoint: temporary() })).rejects.toMatchObject({ code: "checkpoint_missing" });
  });
});

describe("checkpointSpec", () => {
  it("returns the trained spec, which gives the keys that the command prints", async () => {
    const { spec, passed_over } = checkpointSpec(out);
    expect([specHash(spec), passed_over]).toEqual([specHash(loadSpec(MODEL)), []]);
    const { stdout } = await run(["key", "--checkpoint", out, "--field", "ad", "a1", "--json"]);
    expect(stdout).toBe(`${JSON.stringify({ keys: keysOf(spec, "ad", ["a1"]) })}\n`);
  });

  it("names skipped checkpoints also if the spec of the next one does not match its hash", () => {
    const directory = temporary();
    const store = new CheckpointStore(directory);
    const save = (examples: number, meta = {}) =>
      store.save(examples, { meta: { spec: null, spec_hash: "0", ...meta }, blocks: [] }).path;
    const { meta } = openCheckpoint(out).checkpoint;
    const older = save(1, { spec: meta.spec });
    const newer = save(2);
    truncateSync(join(newer, "manifest.json"), 20);
    const message = `${older}: the hash of its spec differs from the one it was saved with; skipped before it: ${newer}/manifest.json`;
    expect(() => checkpointSpec(directory)).toThrow(message);
    expect(() => checkpointSpec(older)).toThrow(/it was saved with$/);
  });

  it("names a directory without a checkpoint", () => {
    expect(() => checkpointSpec(temporary())).toThrow(expect.objectContaining({ code: "checkpoint_missing" }));
  });
});

describe("lag", () => {
  const nowhere = { brokers: ["127.0.0.1:1"] };

  it("requires exactly one of group and checkpoint", async () => {
    await expect(lag({ kafka: nowhere, topic: "t" })).rejects.toMatchObject({ code: "usage" });
    const both = { kafka: nowhere, topic: "t", group: "g", checkpoint: out };
    await expect(lag(both)).rejects.toMatchObject({ code: "usage" });
  });

  it("reports a checkpoint from files or from another topic before connecting to the cluster", async () => {
    const files = { kafka: nowhere, topic: "t", checkpoint: out };
    await expect(lag(files)).rejects.toMatchObject({ code: "checkpoint_mismatch" });
    const directory = temporary();
    const store = new CheckpointStore(directory);
    store.lock();
    store.save(10, { meta: { position: { topic: "clicks", offsets: ["1"] } }, blocks: [] });
    store.unlock();
    const other = { kafka: nowhere, topic: "t", checkpoint: directory };
    await expect(lag(other)).rejects.toMatchObject({ code: "stream_changed", hint: "give --topic clicks" });
  });
});
