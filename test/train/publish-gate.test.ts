import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readGateFile, servedInstead } from "../../src/checkpoints/gate-file.js";
import { nodeFiles } from "../../src/core/files.js";
import { Decoder } from "../../src/decode/decoder.js";
import { FRAME_HEAD } from "../../src/delta-log/frame.js";
import { openFollow } from "../../src/delta-log/open.js";
import type { GateState } from "../../src/gate/gate.js";
import { Scorer } from "../../src/serve/scorer.js";
import { simulate } from "../../src/sources/simulator/run.js";
import type { CompiledSpec, GateSpec } from "../../src/spec/compiled.js";
import { loadSpec } from "../../src/spec/parse.js";
import type { Job } from "../../src/train/job.js";
import { publishStatus, resumePublishing, rollBack } from "../../src/train/publishing/operator.js";
import { defaultSettings } from "../../src/train/settings.js";
import type { DecodedBatch } from "../../src/train/stream.js";
import { Trainer } from "../../src/train/trainer.js";
import { feed } from "../decode/feed.js";
import { LR } from "../small-specs.js";
import { until } from "../until.js";

const gate: GateSpec = { action: "hold", window: 2000, warmup: 3, sigmas: 6, bounds: {} };
const spec: CompiledSpec = { ...loadSpec(LR), batch: 250, gate };
/** Between these events the feed's `site` is empty. */
const [BAD, MENDED] = [10_000, 16_000];
const SITE = 15;
let batches: DecodedBatch[];

beforeAll(async () => {
  const pieces: Buffer[] = [];
  await simulate({ rows: 20_500, seed: 11, format: "tsv", write: (bytes) => void pieces.push(Buffer.from(bytes)) });
  const lines = Buffer.concat(pieces).toString().trimEnd().split("\n");
  const fed = lines.map((line, i) => {
    const values = line.split("\t");
    if (i >= BAD && i < MENDED) values[SITE] = "";
    return `${values.join("\t")}\n`;
  });
  const taken = feed(new Decoder(spec, { capacity: spec.batch, watch: true }), Buffer.from(fed.join("")));
  const none = { rejects: [], decisions: [], times: [], seen: [], epochs: 0, bytesRead: 0 };
  const findings = { constants: [], labels: [] };
  batches = taken.map(({ batch: { rows, buffer }, distinct }, i) => {
    const position = { epoch: 0, file: 0, offset: 0, row: spec.batch * (i + 1) };
    return { ...none, rows, buffer, distinct, findings, position } as unknown as DecodedBatch;
  });
});

const folder = () => mkdtempSync(join(tmpdir(), "hashbrook-test-"));

interface Run {
  readonly out: string;
  readonly log: string;
  readonly action?: GateSpec["action"];
  readonly bounds?: GateSpec["bounds"];
  readonly every?: number;
}

/** A trainer whose clock advances by a second per batch. */
async function opened({ out, log, action = "hold", bounds = {}, every = 1_000_000 }: Run) {
  let ms = 0;
  const job = {
    ...defaultSettings,
    kind: "train",
    spec: { ...spec, gate: { ...gate, action, bounds } },
    out,
    publish: { urls: [log], everyMs: 0, precision: "f32", snapshotEvery: 600 },
    resume: true,
    threads: 1,
    checkpointSeconds: 0,
    checkpointEvery: every,
    topic: null,
    deadLetters: null,
    validate: [],
    kept: [],
    passedOver: [],
  } as unknown as Job;
  const retry = { stop: new AbortController().signal, waiting: () => {} };
  const upstream = { join: () => {}, start: () => {}, spare: () => {} };
  const trainer = await Trainer.open(job, { clock: { now: () => ms }, follower: null, retry, upstream });
  const source = { fingerprints: ["f"], totalBytes: null, ends: [] };
  const learn = async (to: number, then: () => void = () => {}) => {
    while (trainer.runMetrics.examples < to) {
      ms += 1000;
      await trainer.consume(batches[trainer.runMetrics.examples / spec.batch], source);
      then();
    }
  };
  const idle = () => {
    ms += 1000;
    return trainer.idle();
  };
  return { trainer, learn, idle, held: () => trainer.progress().gate!.held };
}

const asked = new TextEncoder().encode(
  JSON.stringify({
    candidates: ["s1", "s2", "s77"].map((site, i) => ({ site, user: `u${i}`, ad: `a${i}`, slot: "top" })),
  }),
);

/** The status of a scorer that follows the log, once it has reached entry `number`. */
async function followed(log: string, number: number) {
  const scorer = Scorer.follow(openFollow(log));
  try {
    await until(() => (scorer.health().replica?.number ?? -1) >= number);
    const { ready, held, version } = scorer.health();
    return { ready, held, version: version?.version, scores: (await scorer.score(asked)).scores };
  } finally {
    await scorer.close();
  }
}

/** The log's entries without times. */
function entries(log: string): Record<string, string> {
  const files = readdirSync(log).filter((name) => name.endsWith(".hbd"));
  return Object.fromEntries(
    files.map((name) => [name, readFileSync(join(log, name)).subarray(FRAME_HEAD).toString("hex")]),
  );
}

const newest = (log: string) =>
  Math.max(...Object.keys(entries(log)).map((name) => Number(/(\d+)\.hbd$/.exec(name)![1])));

describe("a feed with a field that becomes null", () => {
  it("stops publishing within 5,000 events; scorers keep their scores and say why; resume continues after the fix", async () => {
    const [out, log, copy] = [folder(), folder(), join(folder(), "copy")];
    const { trainer, learn, idle, held } = await opened({ out, log });
    await learn(BAD);
    expect(held()).toBeNull();
    await learn(MENDED, () => {
      if (held() === null) cpSync(log, copy, { recursive: true, force: true });
    });
    const { since, breaches } = publishStatus(out).hold!;
    expect(since - BAD).toBeGreaterThan(0);
    expect(since - BAD).toBeLessThanOrEqual(5000);
    expect(breaches.map(({ signal }) => signal)).toContain("missing(site)");

    const before = await followed(copy, newest(copy));
    const during = await followed(log, newest(log));
    expect(during).toEqual({ ...before, held: expect.stringContaining("missing(site)") });
    expect([before.ready, before.held, before.version! < since]).toEqual([true, null, true]);

    await learn(19_000);
    expect(publishStatus(out).recovered).toBeGreaterThan(0);
    expect(await followed(log, newest(log))).toEqual(during);
    resumePublishing(out);
    await idle();
    expect(held()).toBeNull();
    const after = await followed(log, newest(log));
    expect(after).toMatchObject({ ready: true, held: null, version: 19_000 });
    expect(after.scores).not.toEqual(before.scores);
    expect(() => resumePublishing(out)).toThrow("publication is not held");
    await learn(20_000);
    expect(await followed(log, newest(log))).toMatchObject({ held: null, version: 20_000 });
    await trainer.close();
  });

  it("a run killed while held, and after it was resumed, publishes the same as an uninterrupted one", async () => {
    const runTo = async ({ out, log }: Run, to: number) => {
      const run = await opened({ out, log, every: 14_000 });
      await run.learn(17_000);
      resumePublishing(out);
      await run.learn(to);
      return run;
    };
    const whole = { out: folder(), log: folder() };
    const { trainer } = await runTo(whole, 20_000);
    const killed = { out: folder(), log: folder() };
    await runTo(killed, 18_500);
    const copy = { out: folder(), log: killed.log };
    cpSync(killed.out, copy.out, { recursive: true, filter: (path) => !path.endsWith(".lock") });
    const again = await opened({ ...copy, every: 1_000_000 });
    expect(again.trainer.runMetrics.examples).toBe(14_000);
    expect(again.held()).toContain("missing(site)");
    await again.learn(20_000);
    expect(entries(copy.log)).toEqual(entries(whole.log));
    expect(again.trainer.content().meta.gate).toEqual(trainer.content().meta.gate);
    const blocks = (one: Trainer) =>
      one.content().blocks.map(({ name, data }) => [name, Buffer.from(data).toString("hex")]);
    expect(blocks(again.trainer)).toEqual(blocks(trainer));
    await Promise.all([again.trainer.close(), trainer.close()]);
  });

  it("halt: the run ends with the reason, and again at every start, until it is resumed", async () => {
    const run = { out: folder(), log: folder(), action: "halt" } as const;
    const { trainer, learn } = await opened(run);
    await expect(learn(MENDED)).rejects.toMatchObject({ code: "gate_held" });
    await trainer.close();
    const { since } = publishStatus(run.out).hold!;
    expect(readdirSync(run.out)).toContain(`checkpoint-${String(since).padStart(12, "0")}`);
    const second = await opened(run);
    await expect(second.learn(MENDED)).rejects.toMatchObject({ code: "gate_held" });
    expect(second.trainer.runMetrics.examples).toBe(since);
    await second.trainer.close();
    resumePublishing(run.out);
    const third = await opened(run);
    await third.learn(since + 250);
    expect(third.held()).toBeNull();
    await third.trainer.close();
  });

  it("side: the last good checkpoint is kept and served, with the reason; rollback returns to it", async () => {
    const run = { out: folder(), log: folder(), action: "side", every: 8_000 } as const;
    const { trainer, learn } = await opened(run);
    await learn(MENDED);
    expect(() => rollBack(run.out)).toThrow("is writing here");
    await trainer.finish("stopped");
    await trainer.close();
    expect(publishStatus(run.out).good).toBe("checkpoint-000000008000");
    const scorer = await Scorer.load(run.out, { watch: true });
    const { version, held } = scorer.health();
    expect([version?.version, held]).toEqual([8000, expect.stringContaining("missing(site)")]);
    await scorer.close();
    expect(rollBack(run.out)).toMatchObject({ examples: 8000, moved: ["checkpoint-000000016000"] });
    expect(existsSync(join(run.out, "rolled-back", "checkpoint-000000016000"))).toBe(true);
    expect(readGateFile(nodeFiles, run.out)).toMatchObject({ hold: null, good: "checkpoint-000000008000" });
    const again = await opened(run);
    expect([again.trainer.runMetrics.examples, again.held()]).toEqual([8000, null]);
    await again.trainer.close();
  });

  it("rollback never returns into a hold: a checkpoint taken during one is not good, even if it was accepted later", async () => {
    const run = { out: folder(), log: folder(), every: 4_000 };
    const { trainer, learn, idle, held } = await opened(run);
    const saved = async (examples: number) => {
      await learn(examples);
      const manifest = join(run.out, `checkpoint-${String(examples).padStart(12, "0")}`);
      await until(() => existsSync(manifest));
      await learn(examples + 250);
    };
    await saved(8_000);
    await saved(12_000);
    expect(publishStatus(run.out).hold!.since).toBeLessThan(12_000);
    expect(publishStatus(run.out).good).toBe("checkpoint-000000008000");
    resumePublishing(run.out);
    await idle();
    expect(held()).toBeNull();
    await learn(15_500);
    const { good } = trainer.content().meta.gate as unknown as GateState;
    expect(good).toBeGreaterThan(12_000);
    expect(publishStatus(run.out).good).toBe("checkpoint-000000008000");
    await trainer.close();
    const again = await opened(run);
    await again.learn(15_500);
    expect(publishStatus(run.out).good).toBe("checkpoint-000000008000");
    await again.trainer.close();
  });

  it("a gate.json without content is reported and ignored", async () => {
    const out = folder();
    for (const text of ["", "garbage", '{"hold":5}', '{"action":"side","hold":{"number":1},"good":"x"}']) {
      writeFileSync(join(out, "gate.json"), text);
      expect(() => publishStatus(out)).toThrow("has no readable gate.json");
      expect(servedInstead(nodeFiles, out)).toBeUndefined();
    }
  });

  it("configured bounds apply from the first window on", async () => {
    const run = { out: folder(), log: folder(), bounds: { label_rate: { most: 0.01 } } };
    const { trainer, learn, held } = await opened(run);
    await learn(2000);
    expect(held()).toMatch(/^held since example 2000: label_rate is 0\.\d+, above 0\.01$/);
    await trainer.close();
  });
});
