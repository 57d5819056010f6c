import { copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DeltaSource } from "../../src/delta-log/delta-log.js";
import { DirectorySink } from "../../src/delta-log/directory-sink.js";
import { DirectorySource } from "../../src/delta-log/directory-source.js";
import { sealFrame } from "../../src/delta-log/frame.js";
import { Publisher, type PublisherState } from "../../src/delta-log/publisher.js";
import { Replica } from "../../src/delta-log/replica.js";
import { TopicSource } from "../../src/delta-log/topic-source.js";
import { until } from "../until.js";
import { MemoryTopic } from "./memory-topic.js";
import { chain, RUN, SPEC, TinyModel, TinyTrainer } from "./world.js";

const UNTROUBLED = { gaps: 0, conflicts: 0, resyncs: 0 };

function follow(source: DeltaSource) {
  const open = async () => new TinyModel();
  const replica = new Replica({ source, open, exclusive: chain(), now: () => 0, retryMs: 0 });
  const stop = new AbortController();
  const following = replica.follow(stop.signal);
  return {
    replica,
    status: () => replica.status(),
    reaches: (version: number) =>
      until(
        () => replica.live?.version === version,
        () => replica.status(),
      ),
    end: async () => {
      stop.abort();
      await following;
    },
  };
}

/** A trainer that publishes to a topic. */
class Writer {
  version = -1;
  readonly trainer = new TinyTrainer();
  private readonly publisher: Publisher;

  constructor(publisher: Publisher, state?: PublisherState) {
    this.publisher = publisher;
    if (state) publisher.restore(state);
  }

  get state(): PublisherState {
    return this.publisher.state();
  }

  /** One entry. @param keys rows that change: a part has three */
  async entry(keys = 1): Promise<void> {
    this.version++;
    for (let i = 0; i < keys; i++) this.trainer.learn((this.version + i) % 20, this.version);
    await this.publisher.publish(this.trainer, this.version, [], this.trainer.takeChanged());
  }
}

function started(snapshotEvery = 1_000_000) {
  const topic = new MemoryTopic();
  return { topic, writer: new Writer(topic.publisher(5, RUN, snapshotEvery)) };
}

const flipped = (value: Uint8Array, at: number): Uint8Array =>
  value.map((byte, i) => (i === at ? byte ^ (1 << (at & 7)) : byte));

/** Waits until a follower from the start and a new one have reached the trainer's state. */
async function bothReach(topic: MemoryTopic, early: ReturnType<typeof follow>, { version, trainer }: Writer) {
  const late = follow(new TopicSource(topic));
  for (const { replica, reaches } of [early, late]) {
    await reaches(version);
    expect(replica.live!.model.answer()).toBe(trainer.answer());
  }
  expect(late.status()).toMatchObject(UNTROUBLED);
  await late.end();
}

describe("a message in the delta topic that is not an entry", () => {
  it("stops no follower: a copy of an entry with any byte changed, or truncated anywhere, is counted and skipped", async () => {
    const { topic, writer } = started();
    await writer.entry(5);
    const early = follow(new TopicSource(topic));
    await writer.entry(5);
    const entry = topic.last;
    for (let at = 0; at < entry.length; at++) {
      topic.send("delta/000000000001/0/2", flipped(topic.last.length === entry.length ? topic.last : entry, at));
      topic.send("delta/000000000001/1/2", entry.subarray(0, at));
      if (at % 8 === 0) await writer.entry();
    }
    await bothReach(topic, early, writer);
    expect(early.status()).toMatchObject({ ...UNTROUBLED, damaged: 2 * entry.length, applied: writer.version });
    await early.end();
  });

  const rubbish: readonly [string, (topic: MemoryTopic) => void][] = [
    ["text under a foreign key", (topic) => topic.send("foo", Buffer.from("bar"))],
    ["text under a snapshot's key", (topic) => topic.send("snapshot/000000000900/0/1", Buffer.from("bar"))],
    ["no bytes", (topic) => topic.send("delta/000000000003/0/1", new Uint8Array())],
    ["nothing under a foreign key", (topic) => topic.send("foo", null)],
    ["a megabyte of zeros", (topic) => topic.send("foo", new Uint8Array(1 << 20))],
    ["a frame whose body is rubbish", (topic) => topic.send("snapshot/000000000901/0/1", frame(Buffer.from("bar")))],
    ["an entry with bytes behind it", (topic) => topic.send("x", Buffer.concat([topic.last, Buffer.from("bar")]))],
    ["the newest entry under a snapshot's key", (topic) => topic.send("snapshot/000000000902/0/1", topic.last)],
    ["all entries again, under other keys", again],
    ["the first snapshot again", (topic) => topic.send("foo", topic.messages[0].value)],
    ["the first part of an older entry", (topic) => topic.send("delta/000000000008/0/1", topic.messages[2].value)],
  ];
  const frame = (body: Uint8Array) => sealFrame({ epoch: 9e15, sent: 1, body });
  function again(topic: MemoryTopic) {
    for (const { key, value } of topic.messages.slice()) topic.send(`again/${key}`, value);
  }

  it.each(rubbish)("%s is skipped by existing and new followers", async (_, send) => {
    const { topic, writer } = started();
    await writer.entry();
    const early = follow(new TopicSource(topic));
    for (let n = 0; n < 4; n++) await writer.entry(4);
    await early.reaches(4);
    send(topic);
    await bothReach(topic, early, writer);
    for (let n = 0; n < 3; n++) {
      await writer.entry(4);
      send(topic);
    }
    await bothReach(topic, early, writer);
    expect(early.status()).toMatchObject({ ...UNTROUBLED, applied: 7 });
    await early.end();
  });

  it("does not hide the newest snapshot, however many there are", async () => {
    const { topic, writer } = started();
    await writer.entry();
    for (let n = 0; n < 3; n++) await writer.entry();
    for (let n = 0; n < 700; n++)
      topic.send("snapshot/000000000900/0/1", n % 2 ? topic.messages[0].value : Buffer.of(n & 255));
    const late = follow(new TopicSource(topic));
    await late.reaches(3);
    expect(late.status()).toMatchObject(UNTROUBLED);
    await late.end();
  });

  it("another model's snapshot and deltas mislead neither existing nor new followers", async () => {
    const other = new MemoryTopic();
    const otherWriter = new Writer(other.publisher(99, "fedcba9876543210", 2));
    for (let n = 0; n < 3; n++) await otherWriter.entry();
    const { topic, writer } = started();
    await writer.entry();
    const early = follow(new TopicSource(topic));
    await writer.entry();
    await early.reaches(1);
    topic.send(other.messages[0].key, other.messages[0].value);
    await bothReach(topic, early, writer);
    await writer.entry();
    topic.send(other.messages[1].key, other.messages[1].value);
    await writer.entry();
    await bothReach(topic, early, writer);
    expect(early.status()).toMatchObject({ ...UNTROUBLED, ignored: 2, damaged: 0 });
    await early.end();
  });

  it("between the parts of a snapshot does not affect followers that wait for it or begin with it", async () => {
    const { topic, writer } = started();
    const early = follow(new TopicSource(topic));
    let parts = 0;
    topic.tamper = (value) => {
      topic.send("foo", Buffer.from("bar"));
      if (parts++ > 0) topic.send("snapshot/000000000000/1/4", flipped(value, 40));
      topic.send("again", topic.messages.find((message) => message.key.startsWith("snapshot"))?.value ?? null);
      return value;
    };
    await writer.entry(12);
    topic.tamper = (value) => value;
    await early.reaches(0);
    await writer.entry();
    await bothReach(topic, early, writer);
    expect(early.status()).toMatchObject(UNTROUBLED);
    await early.end();
  });
});

describe("damage to an entry itself", () => {
  it("at any byte is a gap: the next snapshot closes it, with one more read, and nothing is counted as applied twice", async () => {
    const { topic: sample, writer: first } = started();
    await first.entry();
    await first.entry();
    for (let at = 0; at < sample.last.length; at += 7) {
      const { topic, writer } = started(6);
      for (let n = 0; n < 3; n++) await writer.entry();
      const early = follow(new TopicSource(topic));
      await early.reaches(2);
      topic.tamper = (value) => flipped(value, at);
      await writer.entry();
      topic.tamper = (value) => value;
      await writer.entry();
      await until(() => early.status().trouble?.startsWith("entry 3 is missing") ?? false, early.status);
      // Everything before the missing entry is available, for new followers, too.
      const late = follow(new TopicSource(topic));
      await late.reaches(2);
      expect(early.status()).toMatchObject({ version: 2, gaps: 1, resyncs: 1, conflicts: 0, applied: 2 });
      await writer.entry();
      await writer.entry();
      await early.reaches(6);
      await late.reaches(6);
      await writer.entry();
      await early.reaches(7);
      expect(early.status()).toMatchObject({ gaps: 1, resyncs: 2, conflicts: 0, applied: 3, trouble: null });
      await Promise.all([early.end(), late.end()]);
    }
  });

  it("is repaired by a trainer that publishes it again, without a snapshot", async () => {
    const { topic, writer } = started();
    for (let n = 0; n < 3; n++) await writer.entry();
    const early = follow(new TopicSource(topic));
    await early.reaches(2);
    const { state, trainer, version } = writer;
    const [checkpoint, rows] = [state, new Map(trainer.rows)];
    topic.tamper = () => null;
    await writer.entry();
    topic.tamper = (value) => value;
    await writer.entry();
    await until(() => early.status().trouble?.startsWith("entry 3 is missing") ?? false, early.status);
    const restarted = new Writer(topic.publisher(6, RUN, 1_000_000), checkpoint);
    restarted.version = version;
    for (const [key, value] of rows) restarted.trainer.rows.set(key, value);
    for (let n = 0; n < 3; n++) await restarted.entry();
    await early.reaches(restarted.version);
    expect(early.replica.live!.model.answer()).toBe(restarted.trainer.answer());
    expect(early.status()).toMatchObject({ gaps: 1, resyncs: 1, conflicts: 0, trouble: null, epoch: 6 });
    await early.end();
  });

  it("in a snapshot's last part makes followers use the previous snapshot", async () => {
    const { topic, writer } = started(4);
    for (let n = 0; n < 4; n++) await writer.entry(3);
    topic.tamper = (value) => value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte));
    await writer.entry(3);
    topic.tamper = (value) => value;
    // Its delta was damaged, too: followers stay before it.
    const late = follow(new TopicSource(topic));
    await late.reaches(3);
    for (let n = 0; n < 4; n++) await writer.entry(3);
    await late.reaches(8);
    await late.end();
  });
});

describe("a first snapshot that a later writer publishes again", () => {
  it.each([1, 2, 3, 4])(
    "after the former one was killed at part %i is the same: no conflict, no second read",
    async (sent) => {
      const { topic, writer } = started();
      const early = follow(new TopicSource(topic));
      let parts = 0;
      topic.tamper = (value) => (parts++ < sent ? value : null);
      await writer.entry(12);
      topic.tamper = (value) => value;
      for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
      const restarted = new Writer(topic.publisher(6, RUN, 1_000_000));
      await restarted.entry(12);
      await early.reaches(0);
      for (let n = 0; n < 2; n++) await restarted.entry();
      await bothReach(topic, early, restarted);
      const duplicates = sent === 4 ? 1 : 0;
      expect(early.status()).toMatchObject({ ...UNTROUBLED, epoch: 6, applied: 2, duplicates });
      await early.end();
    },
  );

  it("with other content is a conflict, and followers switch to it", async () => {
    const { topic, writer } = started();
    const early = follow(new TopicSource(topic));
    await writer.entry(12);
    await early.reaches(0);
    const other = new Writer(topic.publisher(6, RUN, 1_000_000));
    other.version = 10;
    await other.entry(12);
    await bothReach(topic, early, other);
    expect(early.status()).toMatchObject({ conflicts: 1, epoch: 6 });
    await early.end();
  });

  it("after deltas is a duplicate of what was applied", async () => {
    const { topic, writer } = started(3);
    for (let n = 0; n < 3; n++) await writer.entry();
    const early = follow(new TopicSource(topic));
    await early.reaches(2);
    const [checkpoint, rows] = [writer.state, new Map(writer.trainer.rows)];
    for (let n = 0; n < 2; n++) await writer.entry();
    await early.reaches(4);
    const restarted = new Writer(topic.publisher(6, RUN, 3), checkpoint);
    for (const [key, value] of rows) restarted.trainer.rows.set(key, value);
    restarted.version = 2;
    for (let n = 0; n < 4; n++) await restarted.entry();
    await early.reaches(6);
    expect(early.status()).toMatchObject({ ...UNTROUBLED, epoch: 6, duplicates: 2 });
    await early.end();
  });
});

describe("a file in the delta log's directory that is not an entry", () => {
  const open = (snapshotEvery: number) => {
    const log = join(mkdtempSync(join(tmpdir(), "hashbrook-log-")), "log");
    const sink = new DirectorySink(log, { epoch: 5, now: () => 0 });
    const writer = new Writer(new Publisher({ sink, spec: SPEC, run: RUN, snapshotEvery }));
    return { log, writer, source: () => new DirectorySource(log, { pollMs: 1 }) };
  };
  const name = (kind: string, number: number) => `${kind}-${String(number).padStart(12, "0")}.hbd`;

  it("is skipped, hides no entry with a lower number, and is pruned with the log's own snapshots", async () => {
    const { log, writer, source } = open(3);
    await writer.entry(5);
    const early = follow(source());
    await early.reaches(0);
    writeFileSync(join(log, name("delta", 900)), "bar");
    writeFileSync(join(log, name("delta", 901)), "");
    writeFileSync(join(log, name("snapshot", 900)), "bar");
    copyFileSync(join(log, name("snapshot", 0)), join(log, name("snapshot", 901)));
    copyFileSync(join(log, name("snapshot", 0)), join(log, name("delta", 902)));
    for (let n = 0; n < 8; n++) {
      await writer.entry(5);
      await early.reaches(writer.version);
    }
    expect(early.status()).toMatchObject({ ...UNTROUBLED, damaged: 2, applied: 8 });
    const late = follow(source());
    await late.reaches(8);
    expect(late.replica.live!.model.answer()).toBe(writer.trainer.answer());
    expect(late.status()).toMatchObject(UNTROUBLED);
    expect(readdirSync(log).filter((file) => file.startsWith("snapshot-0000000000"))).toHaveLength(2);
    await Promise.all([early.end(), late.end()]);
  });

  it("with a part's size beyond the file's allocates no memory", async () => {
    const { log, writer, source } = open(3);
    await writer.entry();
    const early = follow(source());
    await early.reaches(0);
    const huge = sealFrame({ epoch: 5, sent: 0, body: new Uint8Array(8) });
    const { xxh64 } = await import("../../src/kernels/hash.js");
    const view = new DataView(huge.buffer);
    view.setUint32(4, 0xffffffff, true);
    view.setBigUint64(24, xxh64(huge.subarray(0, 24)), true);
    writeFileSync(join(log, name("delta", 900)), huge);
    await until(() => early.status().damaged === 1, early.status);
    await writer.entry();
    await early.reaches(1);
    await early.end();
  });

  it("and a missing entry delay followers only until the next snapshot", async () => {
    const { log, writer, source } = open(6);
    for (let n = 0; n < 3; n++) await writer.entry();
    const early = follow(source());
    await early.reaches(2);
    const path = join(log, name("delta", 3));
    writeFileSync(path, "");
    await until(() => early.status().damaged === 1, early.status);
    await writer.entry();
    // Rewritten by its writer; the follower has already read it.
    rmSync(path);
    await writer.entry();
    await until(() => early.status().trouble?.startsWith("entry 3 is missing") ?? false, early.status);
    await writer.entry();
    await writer.entry();
    await early.reaches(6);
    expect(early.status()).toMatchObject({ gaps: 1, conflicts: 0 });
    await early.end();
  });

  it("a snapshot with any wrong byte is not used: the previous one is", async () => {
    const { log, writer, source } = open(2);
    for (let n = 0; n < 4; n++) await writer.entry(4);
    const path = join(log, name("snapshot", 2));
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at += 11) {
      writeFileSync(`${path}.new`, flipped(whole, at));
      renameSync(`${path}.new`, path);
      const late = follow(source());
      await late.reaches(3);
      expect(late.replica.live!.model.answer()).toBe(writer.trainer.answer());
      expect(late.status()).toMatchObject({ ...UNTROUBLED, damaged: 1 });
      await late.end();
    }
  });
});
