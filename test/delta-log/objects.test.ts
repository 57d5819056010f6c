import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import type { Entry } from "../../src/delta-log/delta-log.js";
import { isGone, type ObjectHead, parseHead, withEntry } from "../../src/delta-log/object-head.js";
import { ObjectSink } from "../../src/delta-log/object-sink.js";
import { ObjectSource } from "../../src/delta-log/object-source.js";
import { Publisher, type PublisherState } from "../../src/delta-log/publisher.js";
import { DirectoryStore } from "../../src/object-store/directory-store.js";
import type { ObjectStore } from "../../src/object-store/object-store.js";
import { openReader, openStore } from "../../src/object-store/open-store.js";
import { fileServer } from "../object-store/file-server.js";
import { describeS3 } from "../object-store/s3-server.js";
import { until } from "../until.js";
import { follow, RUN, SPEC, TinyTrainer } from "./world.js";

const directory = (): string => join(mkdtempSync(join(tmpdir(), "hashbrook-objects-")), "log");
const now = () => 77;
/** Small enough that most entries have several objects. */
const OBJECT_BYTES = 700;

/** A trainer that publishes to a store. */
async function writer(store: ObjectStore, epoch: number, from?: { state: PublisherState; rows: Map<bigint, number> }) {
  const sink = await ObjectSink.open(store, { epoch, now }, OBJECT_BYTES);
  const publisher = new Publisher({ sink, spec: SPEC, run: RUN, snapshotEvery: 4 });
  const trainer = new TinyTrainer();
  if (from) publisher.restore(from.state);
  for (const [key, value] of from?.rows ?? []) trainer.rows.set(key, value);
  const publish = async (...versions: number[]) => {
    for (const version of versions) {
      for (let i = 0; i < 7; i++) trainer.learn((version * 5 + i) % 30, version);
      await publisher.publish(trainer, version, [version], trainer.takeChanged());
    }
  };
  return { trainer, publish, checkpoint: () => ({ state: publisher.state(), rows: new Map(trainer.rows) }) };
}

/** A store with other write operations. */
function over(store: ObjectStore, write: (key: string, write: () => Promise<string | null>) => Promise<string | null>) {
  return {
    url: store.url,
    read: (...args: Parameters<ObjectStore["read"]>) => store.read(...args),
    list: () => store.list(),
    remove: (keys: readonly string[]) => store.remove(keys),
    write: (...args: Parameters<ObjectStore["write"]>) => write(args[0], () => store.write(...args)),
  };
}

const quick = (store: ObjectStore) => new ObjectSource(store, { pollMs: 2 });

/** Tests of followers, for any store. */
function contract(open: () => ObjectStore): void {
  it("is followed live, by late replicas, and across a writer that restarts from an earlier state", async () => {
    const store = open();
    const early = follow(quick(store));
    const first = await writer(store, 1);
    await first.publish(0, 1, 2, 3, 4, 5);
    await early.reaches(5);
    const checkpoint = first.checkpoint();
    await first.publish(6, 7);
    await early.reaches(7);

    const second = await writer(store, 2, checkpoint);
    await second.publish(106);
    await early.reaches(106);
    expect(early.replica.live!.model.answer()).toBe(second.trainer.answer());
    await expect(first.publish(8)).rejects.toMatchObject({ code: "log_fenced" });
    await second.publish(107, 108);

    const late = follow(quick(store));
    await Promise.all([early.reaches(108), late.reaches(108)]);
    expect(late.replica.live!.model.answer()).toBe(second.trainer.answer());
    expect(late.replica.status()).toMatchObject({ damaged: 0, gaps: 0, conflicts: 0 });
    await Promise.all([early.end(), late.end()]);
  });

  it("keeps three snapshots and the deltas after the oldest, of any writer", async () => {
    const store = open();
    const first = await writer(store, 1);
    await first.publish(...Array.from({ length: 12 }, (_, i) => i));
    const second = await writer(store, 2, first.checkpoint());
    await second.publish(...Array.from({ length: 10 }, (_, i) => 12 + i));
    const entries = new Set((await store.list()).map((key) => key.replace(/-\d{4}\.hbd$/, "")));
    const name = (kind: string) => (n: number) => `000000000002/${kind}-${String(n).padStart(12, "0")}`;
    expect([...entries].sort()).toEqual(
      [
        ...[13, 14, 15, 16, 17, 18, 19, 20, 21].map(name("delta")),
        ...[12, 16, 20].map(name("snapshot")),
        "head.json",
      ].sort(),
    );
  });
}

describe("a log of objects in a directory", () => {
  contract(() => new DirectoryStore(directory()));

  it("skips damage, and begins with an older snapshot if the newest is damaged", async () => {
    const log = directory();
    const { publish, trainer } = await writer(new DirectoryStore(log), 1);
    await publish(0, 1, 2, 3, 4, 5);
    const folder = join(log, "000000000001");
    const damaged = readdirSync(folder)
      .filter((name) => name.startsWith("snapshot-000000000004"))
      .at(-1)!;
    const bytes = readFileSync(join(folder, damaged));
    bytes[bytes.length - 20] ^= 1;
    writeFileSync(join(folder, damaged), bytes);
    const late = follow(quick(new DirectoryStore(log)));
    await late.reaches(5);
    expect(late.replica.live!.model.answer()).toBe(trainer.answer());
    expect(late.replica.status().damaged).toBeGreaterThan(0);
    await late.end();
  });

  it("gives up on a missing entry for the next snapshot", async () => {
    const store = new DirectoryStore(directory());
    const lossy = over(store, async (key, write) => (key.includes("delta-000000000002") ? "tag" : write()));
    const { publish, trainer } = await writer(lossy, 1);
    await publish(0, 1, 2, 3);
    const { replica, reaches, end } = follow(quick(store));
    await reaches(1);
    await until(() => replica.status().gaps > 0);
    await publish(4);
    await reaches(4);
    expect(replica.live!.model.answer()).toBe(trainer.answer());
    await end();
  });

  it("has a snapshot again after the directory was emptied", async () => {
    const log = directory();
    const { publish, trainer } = await writer(new DirectoryStore(log), 1);
    await publish(0, 1);
    rmSync(log, { recursive: true });
    await publish(2);
    const late = follow(quick(new DirectoryStore(log)));
    await late.reaches(2);
    expect(late.replica.live!.model.answer()).toBe(trainer.answer());
    await late.end();
  });

  it("recognizes an entry that is written again after its response was lost", async () => {
    const store = new DirectoryStore(directory());
    let lost = 0;
    const losingResponses = over(store, async (key, write) => {
      const tag = await write();
      if (key !== "head.json" || lost++ > 0) return tag;
      throw new HashbrookError("store_unreachable", "the connection was lost");
    });
    const sink = await ObjectSink.open(losingResponses, { epoch: 1, now }, OBJECT_BYTES);
    const retrying = { needsSnapshot: () => sink.needsSnapshot(), close: () => sink.close() };
    const append = (entry: Entry) => sink.append(entry).catch(() => sink.append(entry));
    const publisher = new Publisher({ sink: { ...retrying, append }, spec: SPEC, run: RUN, snapshotEvery: 4 });
    const trainer = new TinyTrainer();
    for (let version = 0; version <= 3; version++) {
      trainer.learn(version, version);
      await publisher.publish(trainer, version, [version], trainer.takeChanged());
    }
    expect(lost).toBe(6);
    const late = follow(quick(store));
    await late.reaches(3);
    expect(late.replica.live!.model.answer()).toBe(trainer.answer());
    await late.end();
  });

  it("is read over HTTP; while the server is down a follower waits, says why, and does not start over", async () => {
    const log = directory();
    let down = false;
    const url = await fileServer(log, () => (down ? 503 : undefined));
    const { publish, trainer } = await writer(new DirectoryStore(log), 1);
    await publish(0, 1);
    const { replica, reaches, end } = follow(new ObjectSource(openReader(url, {}), { pollMs: 2 }));
    await reaches(1);
    down = true;
    await publish(2, 3);
    await until(() => replica.status().trouble !== null);
    expect(replica.status().trouble).toContain("responded with status 503");
    down = false;
    await reaches(3);
    expect(replica.live!.model.answer()).toBe(trainer.answer());
    expect(replica.status()).toMatchObject({ resyncs: 0, trouble: null });
    await end();
  });
});

describeS3("a log of objects in a bucket", (bucket) => {
  contract(() => openStore(bucket.fresh(), bucket.env));
});

describe("the head of a log of objects", () => {
  const run = RUN;
  const entry = (kind: "delta" | "snapshot", number: number) => ({ kind, number });

  it("refuses malformed content", () => {
    expect(() => parseHead(new TextEncoder().encode("{}"))).toThrow("head.json of the delta log");
    expect(() => parseHead(new TextEncoder().encode("<html>"))).toThrow("head.json of the delta log");
  });

  it("knows numbers that a writer skipped, and ends an earlier writer's span where a later one begins", () => {
    let head: ObjectHead | null = null;
    for (const [kind, number, epoch] of [
      ["snapshot", 0, 1],
      ["delta", 1, 1],
      ["delta", 2, 1],
      ["snapshot", 2, 1],
      ["delta", 3, 1],
      ["delta", 5, 2],
      ["delta", 2, 3],
    ] as const)
      head = withEntry(head, entry(kind, number), { run, epoch });
    expect(head).toEqual({
      format: 1,
      run,
      spans: [
        { epoch: 1, from: 0, to: 1 },
        { epoch: 3, from: 2, to: 2 },
      ],
      snapshots: [{ epoch: 1, number: 0 }],
    });
    expect(isGone(head!, "000000000001/delta-000000000002-0000.hbd")).toBe(true);
    expect(isGone(head!, "000000000003/delta-000000000002-0000.hbd")).toBe(false);
    expect(isGone(head!, "000000000009/delta-000000000002-0000.hbd")).toBe(false);
    expect(isGone(head!, "notes.txt")).toBe(false);
  });

  it("starts over with another model", () => {
    const before = withEntry(null, entry("snapshot", 0), { run, epoch: 1 });
    const other = withEntry(before, entry("snapshot", 0), { run: "fedcba9876543210", epoch: 2 });
    expect(other).toMatchObject({ snapshots: [{ epoch: 2, number: 0 }], spans: [{ epoch: 2, from: 0, to: 0 }] });
  });
});
