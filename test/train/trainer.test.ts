import { cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { systemClock } from "../../src/core/clock.js";
import { Decoder } from "../../src/decode/decoder.js";
import { FRAME_HEAD } from "../../src/delta-log/frame.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { specHash } from "../../src/spec/hash.js";
import { loadSpec } from "../../src/spec/parse.js";
import type { Job } from "../../src/train/job.js";
import { defaultSettings } from "../../src/train/settings.js";
import type { DecodedBatch } from "../../src/train/stream.js";
import { Trainer } from "../../src/train/trainer.js";
import { feed } from "../decode/feed.js";

const spec = loadSpec("features/ads-demo.yaml");

/** A topic's job that resumes from checkpoints after these numbers of messages; they are intact but empty. */
function interrupted(...examples: number[]): Job {
  const store = new CheckpointStore(mkdtempSync(join(tmpdir(), "hashbrook-test-")));
  for (const at of examples) store.save(at, { meta: metaAt(at), blocks: [] });
  const out = store.directory;
  const settings = { ...defaultSettings, resume: true, threads: 1 };
  return { ...settings, kind: "train", spec, out, topic: { topic: "events" } } as Job;
}

function metaAt(examples: number) {
  const position = { topic: "events", offsets: [String(examples)], turn: 0, taken: 0, messages: examples };
  const tally = { examples, skipped: 0, rejected_by_code: {} };
  const meta = { spec_hash: specHash(spec), position, sources: ["kafka:events"], rejected_bytes: 0, tally };
  return JSON.parse(JSON.stringify(meta));
}

/** The actions of a trainer when it opens, in order: messages to the decoding thread, and the load of its model. */
async function steps(job: Job): Promise<string[]> {
  const taken: string[] = [];
  const upstream = {
    join: () => void taken.push("join"),
    start: ({ position }: { position: unknown }) =>
      void taken.push(`start at ${(position as { offsets: string[] } | null)?.offsets.join() ?? "the beginning"}`),
    spare: () => {},
  };
  const retry = { stop: new AbortController().signal, waiting: () => {} };
  try {
    const trainer = await Trainer.open(job, { clock: systemClock, follower: null, retry, upstream });
    taken.push("loaded");
    await trainer.close();
  } catch (error) {
    taken.push((error as { code: string }).code);
  }
  return taken;
}

const locks = ({ out }: Job) => readdirSync(out!).filter((name) => name.endsWith(".lock"));

function filesOpenIn(directory: string): string[] {
  const open = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of the list itself
    }
  });
  return open.filter((path) => path.startsWith(directory));
}

function damage(job: Job, examples: number): void {
  const path = join(job.out!, `checkpoint-${String(examples).padStart(12, "0")}`, "manifest.json");
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(path, bytes);
}

it("a trainer joins the consumer group before it reads a checkpoint, and opens the topic before it loads the model", async () => {
  expect(await steps(interrupted())).toEqual(["join", "start at the beginning", "loaded"]);
});

it("a model that fails to load ends the run after the topic was opened, and releases the directory", async () => {
  const job = interrupted(100, 200);
  expect(await steps(job)).toEqual(["join", "start at 200", "checkpoint_damaged"]);
  expect(locks(job)).toEqual([]);
});

it("if a damaged checkpoint is skipped, the topic is opened only at the position of the older one", async () => {
  const job = interrupted(100, 200);
  damage(job, 200);
  expect(await steps(job)).toEqual(["join", "start at 100", "checkpoint_damaged"]);
});

it("if all checkpoints are damaged, the topic is not opened at all", async () => {
  const job = interrupted(100);
  damage(job, 100);
  expect(await steps(job)).toEqual(["join", "checkpoint_damaged"]);
  expect(locks(job)).toEqual([]);
});

it.runIf(process.platform === "linux")("a model that does not load leaves no file of the directory open", async () => {
  const job = interrupted(100);
  await steps(job);
  expect(filesOpenIn(job.out!)).toEqual([]);
});

it("a trainer of which a part cannot be closed closes the others, and leaves the directory to others", async () => {
  const job = interrupted();
  const retry = { stop: new AbortController().signal, waiting: () => {} };
  const upstream = { join: () => {}, start: () => {}, spare: () => {} };
  const trainer = await Trainer.open(job, { clock: systemClock, follower: null, retry, upstream });
  trainer.order!.close();
  await expect(trainer.close()).rejects.toMatchObject({ code: "checkpoint_write" });
  expect(locks(job)).toEqual([]);
});

const small = { ...spec, batch: 20 };

/** Two batches of the simulator's events, as the decoding thread sends them. */
async function twoBatches(): Promise<DecodedBatch[]> {
  const lines: Buffer[] = [];
  await simulate({ rows: 40, seed: 3, format: "tsv", write: (bytes) => void lines.push(Buffer.from(bytes)) });
  const taken = feed(new Decoder(small, { capacity: small.batch, watch: true }), Buffer.concat(lines)).slice(0, 2);
  const none = { rejects: [], decisions: [], times: [], seen: [], epochs: 0, bytesRead: 0 };
  return taken.map(({ batch: { rows, buffer }, distinct }, i) => {
    const findings = { missing: [], constant: [] };
    return { ...none, rows, buffer, distinct, findings, position: placeAt(20 * (i + 1)) } as unknown as DecodedBatch;
  });
}

const placeAt = (messages: number) => ({ topic: "events", offsets: [String(messages)], turn: 0, taken: 0, messages });

/** What a trainer publishes for two batches, idle before them or not; it is not closed. */
async function published(out: string, idle: boolean): Promise<Record<string, Buffer>> {
  const log = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
  const publish = { urls: [log], everyMs: 0, precision: "f32", snapshotEvery: 600 };
  const saving = {
    checkpointSeconds: 0,
    checkpointEvery: 1_000_000,
    keep: 2,
    maxSkipped: 1,
    earlyStop: null,
    validate: [],
    validateLast: null,
  };
  const job = { ...interrupted(), ...saving, spec: small, out, publish } as unknown as Job;
  const retry = { stop: new AbortController().signal, waiting: () => {} };
  const upstream = { join: () => {}, start: () => {}, spare: () => {} };
  const trainer = await Trainer.open(job, { clock: systemClock, follower: null, retry, upstream });
  const source = { fingerprints: ["kafka:events"], totalBytes: null, ends: [] };
  await trainer.opened(placeAt(0), source.fingerprints);
  if (idle) await trainer.idle();
  for (const batch of await twoBatches()) await trainer.consume(batch, source);
  const files = readdirSync(log).filter((name) => name.endsWith(".hbd"));
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(log, name)).subarray(FRAME_HEAD)]));
}

it("what a killed run published before its first batch is published again before it, even if that batch is available at once", async () => {
  const [out, copy] = [1, 2].map(() => mkdtempSync(join(tmpdir(), "hashbrook-test-")));
  const before = await published(out, true);
  expect(Object.keys(before)).toHaveLength(3);
  cpSync(out, copy, { recursive: true, filter: (path) => !path.endsWith(".lock") });
  expect(await published(copy, false)).toEqual(before);
});
