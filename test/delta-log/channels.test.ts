import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { DeltaSink } from "../../src/delta-log/delta-log.js";
import { DirectorySink } from "../../src/delta-log/directory-sink.js";
import { DirectorySource } from "../../src/delta-log/directory-source.js";
import { InProcessSink, InProcessSource } from "../../src/delta-log/in-process-log.js";
import { openFollow, openSink } from "../../src/delta-log/open.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import { EventTimes, sampleEvenly } from "../../src/delta-log/times.js";
import { MemoryFiles } from "../checkpoints/memory-files.js";
import { until } from "../until.js";
import { follow, RUN, SPEC, TinyTrainer } from "./world.js";

const directory = (): string => join(mkdtempSync(join(tmpdir(), "hashbrook-log-")), "log");
const now = () => 77;

const publisherTo = (sink: DeltaSink, snapshotEvery = 4) =>
  new Publisher({ sink, spec: SPEC, run: RUN, snapshotEvery });

async function publish(publisher: Publisher, trainer: TinyTrainer, version: number): Promise<void> {
  for (let i = 0; i < 7; i++) trainer.learn((version * 5 + i) % 30, version);
  await publisher.publish(trainer, version, [version], trainer.takeChanged());
}

describe("the log in a directory", () => {
  it("keeps the two newest snapshots and the deltas after the older one", async () => {
    const log = directory();
    const publisher = publisherTo(new DirectorySink(log, { epoch: 3, now }));
    const trainer = new TinyTrainer();
    for (let version = 0; version <= 10; version++) await publish(publisher, trainer, version);
    const number = (n: number) => String(n).padStart(12, "0");
    expect(readdirSync(log).sort()).toEqual([
      ...[5, 6, 7, 8, 9, 10].map((n) => `delta-${number(n)}.hbd`),
      ...[4, 8].map((n) => `snapshot-${number(n)}.hbd`),
      `writer-${number(3)}-${number(0)}`,
    ]);
  });

  it("loses what a killed writer has left of an entry when the next one writes", async () => {
    const log = directory();
    const trainer = new TinyTrainer();
    const first = publisherTo(new DirectorySink(log, { epoch: 1, now }));
    await publish(first, trainer, 0);
    const left = ["delta-000000000007.hbd.tmp", "snapshot-000000000004.hbd.tmp"];
    for (const name of [...left, "notes.tmp"]) writeFileSync(join(log, name), "half");
    const second = publisherTo(new DirectorySink(log, { epoch: 2, now }));
    second.restore(first.state());
    await publish(second, trainer, 1);
    expect(readdirSync(log).filter((name) => name.endsWith(".tmp"))).toEqual(["notes.tmp"]);
  });

  it("says that its snapshot is damaged, as in a copy that was cut off, not that there is none", async () => {
    const log = directory();
    const trainer = new TinyTrainer();
    await publish(publisherTo(new DirectorySink(log, { epoch: 1, now })), trainer, 0);
    const [name] = readdirSync(log).filter((file) => file.startsWith("snapshot-"));
    writeFileSync(join(log, name), readFileSync(join(log, name)).subarray(0, -5));
    const { replica, end } = follow(new DirectorySource(log, { pollMs: 2 }));
    await until(() => replica.status().damaged > 0);
    expect(replica.status().trouble).toContain(name);
    await end();
  });

  it("is followed while it is copied: a file that was read before it was complete was never read again", async () => {
    const [log, copied] = [directory(), directory()];
    const trainer = new TinyTrainer();
    const publisher = publisherTo(new DirectorySink(log, { epoch: 1, now }));
    mkdirSync(copied);
    const copy = (name: string, share: number) => {
      const bytes = readFileSync(join(log, name));
      writeFileSync(join(copied, name), bytes.subarray(0, Math.floor(bytes.length * share)));
    };
    const { replica, reaches, end } = follow(new DirectorySource(copied, { pollMs: 2 }));
    for (const [version, name] of ["snapshot-000000000000.hbd", "delta-000000000001.hbd"].entries()) {
      await publish(publisher, trainer, version);
      copy(name, 0.5);
      await until(() => replica.status().damaged > version);
      copy(name, 1);
      await reaches(version);
    }
    expect(replica.live!.model.answer()).toBe(trainer.answer());
    expect(replica.status()).toMatchObject({ damaged: 2, resyncs: 0 });
    await end();
  });

  it("is followed live, by late replicas, past damage, and across a writer that restarts from an earlier state", async () => {
    const log = directory();
    const source = () => new DirectorySource(log, { pollMs: 2 });
    const early = follow(source());
    const trainer = new TinyTrainer();
    const publisher = publisherTo(new DirectorySink(log, { epoch: 1, now }));
    await publish(publisher, trainer, 0);
    await early.reaches(0);
    for (let version = 1; version <= 5; version++) await publish(publisher, trainer, version);
    await early.reaches(5);
    const checkpoint = publisher.state();
    const rows = new Map(trainer.rows);
    await publish(publisher, trainer, 6);
    await early.reaches(6);
    expect(early.replica.status()).toMatchObject({ resyncs: 0, applied: 6 });

    const again = new TinyTrainer();
    for (const [key, value] of rows) again.rows.set(key, value);
    const second = publisherTo(new DirectorySink(log, { epoch: 2, now }));
    second.restore(checkpoint);
    await publish(second, again, 106);
    await early.reaches(106);
    expect(early.replica.live!.model.answer()).toBe(again.answer());
    await expect(publish(publisher, trainer, 7)).rejects.toMatchObject({ code: "log_fenced" });

    for (const name of readdirSync(log).filter((name) => name.startsWith("snapshot"))) {
      const bytes = readFileSync(join(log, name));
      bytes[bytes.length - 20] ^= 1;
      if (name.includes("4.hbd")) writeFileSync(join(log, name), bytes);
    }
    const late = follow(source());
    await late.reaches(106);
    expect(late.replica.status().damaged).toBe(1);
    expect(late.replica.live!.model.answer()).toBe(again.answer());
    await Promise.all([early.end(), late.end()]);
  });

  it("has a snapshot as soon as the deltas after the last one outweigh it, after 60 of them at least", async () => {
    const log = directory();
    const trainer = new TinyTrainer();
    const publisher = publisherTo(new DirectorySink(log, { epoch: 3, now }), 600);
    for (let version = 0; version <= 130; version++) await publish(publisher, trainer, version);
    const snapshots = readdirSync(log).filter((name) => name.startsWith("snapshot"));
    expect(snapshots.map((name) => Number(/\d+/.exec(name)![0]))).toEqual([60, 120]);
  });

  it("keeps an identical entry, and replaces one with other bytes", async () => {
    const log = directory();
    const sink = new DirectorySink(log, { epoch: 1, now });
    const entry = (...bytes: number[]) => ({
      kind: "delta" as const,
      number: 7,
      parts: 1,
      bodies: () => [Uint8Array.from(bytes)],
    });
    const path = join(log, "delta-000000000007.hbd");
    await sink.append(entry(1, 2, 3));
    const first = readFileSync(path);
    await new DirectorySink(log, { epoch: 1, now: () => 99 }).append(entry(1, 2, 3));
    expect(readFileSync(path)).toEqual(first);
    await sink.append(entry(1, 2, 4));
    expect(readFileSync(path)).not.toEqual(first);
  });

  it("has a complete entry or none under its name after a power failure", async () => {
    const files = new MemoryFiles();
    const sink = new DirectorySink("/log", { epoch: 1, now }, files);
    const trainer = new TinyTrainer();
    const publisher = publisherTo(sink);
    for (let version = 0; version <= 6; version++) await publish(publisher, trainer, version);
    files.powerCut(() => 0);
    const { replica, reaches, end } = follow(new DirectorySource("/log", { files, pollMs: 1 }));
    await reaches(6);
    expect(replica.live!.model.answer()).toBe(trainer.answer());
    expect(replica.status().damaged).toBe(0);
    await end();
  });
});

describe("the log through a message port", () => {
  it("is followed from a snapshot, and again from a new one", async () => {
    const { port1, port2 } = new MessageChannel();
    const sink = new InProcessSink(port1, { epoch: 1, now });
    const trainer = new TinyTrainer();
    const publisher = publisherTo(sink, 1000);
    for (let version = 0; version <= 3; version++) await publish(publisher, trainer, version);
    const source = new InProcessSource(port2);
    let version = 3;
    for (let round = 0; round < 2; round++) {
      const { replica, end } = follow(source);
      for (let i = 0; replica.live === null && i < 200; i++) {
        await publish(publisher, trainer, ++version);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      for (let i = 0; i < 60; i++) await publish(publisher, trainer, ++version);
      await until(() => replica.live?.version === version);
      expect(replica.live!.model.answer()).toBe(trainer.answer());
      expect(replica.status().resyncs).toBe(0);
      await end();
    }
    port1.close();
  });
});

describe("openSink and openFollow", () => {
  it("accept directories and topics, and nothing else", async () => {
    expect(await openSink(directory(), { epoch: 1, now })).toBeInstanceOf(DirectorySink);
    expect(openFollow("./log")).toBeInstanceOf(DirectorySource);
    expect(openFollow("kafka://localhost:9092/deltas").constructor.name).toBe("KafkaSource");
    for (const wrong of ["", "ftp://a/b", "http://", "kafka://a:1", "kafka://a/b"]) {
      expect(() => openFollow(wrong), wrong).toThrow(expect.objectContaining({ code: "usage" }));
    }
  });
});

describe("a log with entries of another model", () => {
  it.each(["", "objects:"])("is not taken over silently, nor without a snapshot: %s", async (kind) => {
    const url = kind + directory();
    const told: string[] = [];
    const open = async (epoch: number, run: string) => {
      const sink = await openSink(url, { epoch, now, run, tell: (text) => told.push(text) });
      return new Publisher({ sink, spec: SPEC, run, snapshotEvery: 100 });
    };
    const trainer = new TinyTrainer();
    const first = await open(1, RUN);
    for (let version = 0; version <= 2; version++) await publish(first, trainer, version);
    await open(2, RUN);
    expect(told).toEqual([]);
    const other = "fedcba9876543210";
    await publish(await open(3, other), new TinyTrainer(), 0);
    const again = await open(4, RUN);
    again.restore(first.state());
    expect(told).toEqual([
      expect.stringMatching(`entries are of another model \\(spec ${RUN}\\), .*\\(spec ${other}\\)`),
      expect.stringMatching(`entries are of another model \\(spec ${other}\\), .*\\(spec ${RUN}\\)`),
    ]);
    await publish(again, trainer, 3);
    const { replica, end } = follow(openFollow(url));
    await until(() => replica.live?.version === 3);
    await end();
  });
});

describe("event times", () => {
  it("are sampled evenly, at most 64, the same for the same events", () => {
    const times = new EventTimes();
    times.add(Float64Array.from({ length: 10 }, (_, i) => i));
    expect(times.take()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (let i = 0; i < 100; i++) times.add(Float64Array.from({ length: 100 }, (_, j) => 1 + i * 100 + j));
    const sample = times.take();
    expect(sample).toHaveLength(64);
    expect(Math.min(...sample)).toBeLessThan(200);
    expect(Math.max(...sample)).toBeGreaterThan(9800);
    expect(times.take()).toEqual([]);
    expect(sampleEvenly([1, 2, 3, 4], 2)).toEqual([2, 4]);
  });
});
