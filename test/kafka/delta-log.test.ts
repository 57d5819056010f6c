import { expect, it } from "vitest";
import { KafkaSink } from "../../src/delta-log/kafka-sink.js";
import { KafkaSource } from "../../src/delta-log/kafka-source.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import { Replica } from "../../src/delta-log/replica.js";
import { chain, RUN, SPEC, TinyModel, TinyTrainer } from "../delta-log/world.js";
import { until } from "../until.js";
import { describeKafka } from "./harness.js";

const SNAPSHOT_EVERY = 5;

describeKafka("the delta log in a topic", (kafka) => {
  const follow = (topic: string) => {
    const exclusive = chain();
    const source = new KafkaSource(kafka.options, topic);
    const replica = new Replica({ source, open: async () => new TinyModel(), exclusive, now: Date.now });
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    const end = async () => {
      stop.abort();
      await following;
    };
    const reaches = (version: number) =>
      until(
        () => replica.live?.version === version,
        () => replica.status(),
      );
    return { replica, reaches, end };
  };
  const publisherOf = async (topic: string, epoch: number) => {
    const sink = await KafkaSink.open(kafka.options, topic, { epoch, now: Date.now });
    return { sink, publisher: new Publisher({ sink, spec: SPEC, run: RUN, snapshotEvery: SNAPSHOT_EVERY }) };
  };
  const publish = async (publisher: Publisher, trainer: TinyTrainer, version: number) => {
    for (let i = 0; i < 8; i++) trainer.learn((version * 3 + i) % 40, version);
    await publisher.publish(trainer, version, [], trainer.takeChanged());
  };

  it("is followed live and from its newest snapshot, also by late replicas, and across a writer's restart", async () => {
    const topic = `delta-${process.pid}-${Date.now()}`;
    const { sink, publisher } = await publisherOf(topic, 1);
    const trainer = new TinyTrainer();
    await publish(publisher, trainer, 0);
    const early = follow(topic);
    await early.reaches(0);
    for (let version = 1; version <= 12; version++) await publish(publisher, trainer, version);
    await early.reaches(12);
    expect(early.replica.live!.model.answer()).toBe(trainer.answer());
    expect(early.replica.status()).toMatchObject({ number: 12, gaps: 0, resyncs: 0, applied: 12 });
    const checkpoint = publisher.state();
    const rows = new Map(trainer.rows);
    const late = follow(topic);
    await late.reaches(12);
    expect(late.replica.status()).toMatchObject({ number: 12, applied: 2 });

    for (let version = 13; version <= 16; version++) await publish(publisher, trainer, version);
    await sink.close();
    const second = await publisherOf(topic, 2);
    second.publisher.restore(checkpoint);
    const again = new TinyTrainer();
    for (const [key, value] of rows) again.rows.set(key, value);
    for (let version = 113; version <= 120; version++) await publish(second.publisher, again, version);
    const latest = follow(topic);
    for (const { reaches, replica } of [early, late, latest]) {
      await reaches(120);
      expect(replica.live!.model.answer()).toBe(again.answer());
    }
    await Promise.all([early, late, latest].map(({ end }) => end()));
    await second.sink.close();
    await kafka.deleteTopic(topic);
  });

  it("of another model is not taken over silently, nor without a snapshot", async () => {
    const topic = `delta-other-${process.pid}-${Date.now()}`;
    const first = await publisherOf(topic, 1);
    await publish(first.publisher, new TinyTrainer(), 0);
    await first.sink.close();
    const told: string[] = [];
    const run = "fedcba9876543210";
    const tell = (text: string) => void told.push(text);
    const sink = await KafkaSink.open(kafka.options, topic, { epoch: 2, now: Date.now, run, tell });
    expect(await sink.needsSnapshot()).toBe(false);
    await until(() => told.length > 0);
    expect(told).toEqual([expect.stringMatching(`topic ${topic}: .* another model \\(spec ${RUN}\\)`)]);
    await until(async () => await sink.needsSnapshot());
    await sink.close();
    await kafka.deleteTopic(topic);
  });

  it("is followed past foreign and damaged messages, which do not hide its newest snapshot", async () => {
    const topic = await kafka.topic(1, { "cleanup.policy": "compact" });
    const { sink, publisher } = await publisherOf(topic, 1);
    const trainer = new TinyTrainer();
    for (let version = 0; version <= 6; version++) await publish(publisher, trainer, version);
    const early = follow(topic);
    await early.reaches(6);
    const messages = await kafka.read(topic);
    const { value } = messages.at(-1)!;
    const flipped = Buffer.from(value);
    flipped[40] ^= 1;
    const foreign = [
      { key: "foo", value: "bar" },
      { key: "snapshot/000000999999/0/1", value: "bar" },
      { key: "snapshot/000000999998/0/1", value },
      { key: "flipped", value: flipped, headers: { kind: "snapshot" } },
      { key: "cut", value: value.subarray(0, value.length - 9) },
      { key: "huge", value: Buffer.alloc(900_000, "x") },
      { key: "old", value: messages[0].value },
    ];
    await kafka.produce(topic, foreign);
    await kafka.produce(topic, [{ key: "foo", value: null }]);
    for (let version = 7; version <= 9; version++) await publish(publisher, trainer, version);
    await kafka.produce(topic, foreign);
    const late = follow(topic);
    for (const { reaches, replica } of [early, late]) {
      await reaches(9);
      expect(replica.live!.model.answer()).toBe(trainer.answer());
    }
    const damaged = () => [early, late].map(({ replica }) => replica.status().damaged).join();
    await until(() => damaged() === "10,10", damaged);
    expect(early.replica.status()).toMatchObject({ gaps: 0, conflicts: 0, resyncs: 0, applied: 4 });
    await Promise.all([early.end(), late.end(), sink.close()]);
  });

  it("a writer deletes the entries of earlier writers, except those that followers start from", async () => {
    const topic = await kafka.topic(1, { "cleanup.policy": "compact" });
    const trainer = new TinyTrainer();
    const left = async () => {
      const last = new Map((await kafka.read(topic)).map(({ key, value }) => [key!, value.length]));
      const kept = [...last].filter(([, bytes]) => bytes > 0).map(([key]) => key.split("/"));
      return [...new Set(kept.map(([kind, number]) => `${kind} ${Number(number)}`))].sort();
    };
    /** The two newest snapshots of so many entries, and the deltas after the older one. */
    const wanted = (entries: number) => {
      const older = SNAPSHOT_EVERY * (Math.floor((entries - 1) / SNAPSHOT_EVERY) - 1);
      const deltas = Array.from({ length: entries - 1 - older }, (_, i) => `delta ${older + 1 + i}`);
      return [...deltas, `snapshot ${older}`, `snapshot ${older + SNAPSHOT_EVERY}`].sort();
    };
    let version = 0;
    for (let epoch = 1; epoch <= 3; epoch++) {
      const { sink, publisher } = await publisherOf(topic, epoch);
      publisher.restore({ number: version - 1, link: "0".repeat(16) });
      // Existing messages are scanned in the background, and deleted at the first snapshot after that.
      for (let round = 1, done = false; !done; round++) {
        for (let i = 0; i < SNAPSHOT_EVERY; i++) await publish(publisher, trainer, version++);
        if (round >= 3) done = round > 60 || (await left()).join() === wanted(version).join();
      }
      await sink.close();
      expect(await left()).toEqual(wanted(version));
    }
  });
});
