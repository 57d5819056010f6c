import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { ClockSkew } from "../../src/delta-log/clock-skew.js";
import type { DeltaSource } from "../../src/delta-log/delta-log.js";
import type { Frame } from "../../src/delta-log/frame.js";
import type { PublisherState } from "../../src/delta-log/publisher.js";
import { Replica } from "../../src/delta-log/replica.js";
import { ageAt, Freshness } from "../../src/delta-log/times.js";
import fc from "../properties.js";
import { dice } from "../tables/samples.js";
import { until } from "../until.js";
import { chain, MemoryLog, MemorySource, RUN, TinyModel, TinyTrainer } from "./world.js";

const flipped = (frame: Frame, at: number): Frame => {
  const body = frame.body.slice();
  body[at % body.length] ^= 1;
  return { ...frame, body };
};

/** Drops, repeats, damages and reorders some frames. */
function faults(roll: (n: number) => number, budget: { left: number }): (frames: Frame[]) => (Frame | "damaged")[] {
  return (frames) => {
    const out: (Frame | "damaged")[] = [];
    for (const frame of frames) {
      const fault = budget.left > 0 ? roll(12) : 12;
      if (fault < 5) budget.left--;
      if (fault === 0) continue;
      if (fault === 1) out.push(frame, frame);
      else if (fault === 2) out.push(flipped(frame, roll(1000)));
      else if (fault === 3) out.push("damaged");
      else if (fault === 4) out.splice(Math.max(0, out.length - 1 - roll(4)), 0, frame);
      else out.push(frame);
    }
    return out;
  };
}

/** A trainer's run: entries, restarts from a checkpoint, zombies of earlier epochs. */
class History {
  readonly log = new MemoryLog();
  private readonly roll: (n: number) => number;
  private epoch = 1;
  private trainer = new TinyTrainer();
  private publisher = this.log.publisher(1, 7);
  private checkpoint: { rows: Map<bigint, number>; state: PublisherState };
  private version = 0;

  constructor(roll: (n: number) => number) {
    this.roll = roll;
    this.checkpoint = { rows: new Map(), state: this.publisher.state() };
  }

  get newest(): string {
    return this.trainer.answer();
  }

  async step(): Promise<void> {
    const what = this.roll(20);
    if (what === 0) this.checkpoint = { rows: new Map(this.trainer.rows), state: this.publisher.state() };
    else if (what === 1 && this.checkpoint.state.number >= 0) await this.restart();
    else await this.entry();
  }

  async entry(): Promise<void> {
    for (let i = this.roll(12); i >= 0; i--) this.trainer.learn(this.roll(30), this.roll(1000));
    this.version++;
    await this.publisher.publish(this.trainer, this.version, [1, 2, 3], this.trainer.takeChanged());
    this.log.published.set(this.version, this.trainer.answer());
  }

  /** A new writer continues from the checkpoint; the old one may write some more. */
  private async restart(): Promise<void> {
    const { trainer: oldTrainer, publisher: old } = this;
    this.trainer = new TinyTrainer();
    for (const [key, value] of this.checkpoint.rows) this.trainer.rows.set(key, value);
    this.publisher = this.log.publisher(++this.epoch, 7);
    this.publisher.restore(this.checkpoint.state);
    const zombie = this.roll(2) === 0;
    await this.entry();
    for (let i = 0; zombie && i < 3; i++) {
      oldTrainer.learn(this.roll(30), -1);
      this.version++;
      await old.publish(oldTrainer, this.version, [], oldTrainer.takeChanged());
      this.log.published.set(this.version, oldTrainer.answer());
      await this.entry();
    }
  }
}

function replicaOf(source: MemorySource, onApplied?: (times: readonly number[]) => void) {
  const exclusive = chain();
  const clock = { now: () => 0 };
  const options = { source, open: async () => new TinyModel(), exclusive, now: () => 5000, clock, retryMs: 0 };
  const replica = new Replica(onApplied ? { ...options, onApplied } : options);
  const answer = () =>
    exclusive(() => {
      const { live } = replica;
      return live && { version: live.version, text: live.model.answer() };
    });
  return { replica, answer };
}

/** A replica that has caught up with a log of one entry. @param now its wall clock, by the ms of its monotonic one */
async function followed(now: (elapsed: number) => number) {
  const history = new History(dice(5));
  await history.entry();
  const clock = { elapsed: 100, now: () => clock.elapsed };
  const replica = new Replica({
    source: new MemorySource(history.log),
    open: async () => new TinyModel(),
    exclusive: chain(),
    now: () => now(clock.elapsed),
    clock,
  });
  const stop = new AbortController();
  const following = replica.follow(stop.signal);
  await until(() => replica.live !== null);
  const end = () => {
    stop.abort();
    return following;
  };
  return { history, replica, clock, end };
}

describe("a replica", () => {
  it("converges to its trainer through any faults, and always answers as one published version", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 1, max: 60 }), async (seed, steps) => {
        const roll = dice(seed);
        const history = new History(roll);
        await history.entry();
        const budget = { left: 12 };
        let asked = 0;
        const check = async () => {
          const found = await answer();
          asked++;
          if (found && found.text !== history.log.published.get(found.version))
            throw new Error(`a mixed state: ${found.version}`);
        };
        const { replica, answer } = replicaOf(new MemorySource(history.log, faults(roll, budget), check));
        const stop = new AbortController();
        const following = replica.follow(stop.signal);
        for (let i = 0; i < steps; i++) {
          await history.step();
          if (roll(3) === 0) await new Promise((resolve) => setImmediate(resolve));
          await check();
        }
        budget.left = 0;
        // One of them has a snapshot: losing frames twice does not cause another read.
        for (let i = 0; i < 8; i++) await history.entry();
        const converged = () => replica.live !== null && replica.live.model.answer() === history.newest;
        await until(converged, () => ({ asked, ...replica.status() }));
        stop.abort();
        await following;
      }),
      { numRuns: 300 },
    );
  });

  it("follows an undisturbed log without reading it again, and reports its status", async () => {
    const history = new History(dice(5));
    const visible: (readonly number[])[] = [];
    const { replica, answer } = replicaOf(new MemorySource(history.log), (times) => visible.push(times));
    const trouble = expect.stringContaining("no snapshot yet");
    expect(replica.status()).toMatchObject({ ready: false, version: null, staleness: null, trouble });
    await history.entry();
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    await until(() => replica.live?.version === 1);
    for (let i = 0; i < 30; i++) await history.entry();
    await until(() => replica.live?.version === 31);
    expect(await answer()).toEqual({ version: 31, text: history.newest });
    expect(replica.status()).toMatchObject({
      ready: true,
      number: 30,
      version: 31,
      epoch: 1,
      applied: 30,
      staleness: 0,
    });
    expect(replica.status()).toMatchObject({
      gaps: 0,
      conflicts: 0,
      damaged: 0,
      resyncs: 0,
      ignored: 0,
      eventAge: 4.997,
    });
    expect(visible.length).toBeGreaterThan(20);
    expect(visible.every((times) => times.join() === "1,2,3")).toBe(true);
    stop.abort();
    await following;
  });

  it("does not report negative ages of events when a clock is behind: a histogram's sum may not fall", () => {
    const freshness = new Freshness(() => 0);
    freshness.add([86_400_000, -500]);
    expect(freshness.percentiles()).toEqual({ p50: 0.5, p99: 0.5 });
    expect(ageAt(0, 86_400_000)).toBe(0);
  });

  it("is stale once nothing arrives any more, though its clock is a day behind the trainer's", async () => {
    const { replica, clock, end } = await followed(() => -86_400_000);
    clock.elapsed += 1500;
    expect(replica.status()).toMatchObject({ staleness: 1.5 });
    await end();
  });

  it("is ready though its clock is a day ahead of the trainer's, once an entry arrived that was not in the log before", async () => {
    const { history, replica, clock, end } = await followed((elapsed) => 86_400_000 + elapsed);
    // The trainer may have died a day ago.
    expect(replica.status().staleness).toBeGreaterThan(86_399);
    await history.entry();
    await until(() => replica.live?.version === 2);
    expect(replica.status()).toMatchObject({ staleness: 0 });
    clock.elapsed += 1500;
    expect(replica.status()).toMatchObject({ staleness: 1.5 });
    await end();
  });

  it("tells a clock that is ahead from entries that are late, and notices within ten minutes that a clock was set", () => {
    const skew = new ClockSkew();
    expect(skew.ahead).toBe(0);
    skew.add(-86_400_000, 0);
    expect(skew.ahead).toBe(0);
    const ahead = new ClockSkew();
    for (const [delay, at] of [
      [400_050, 0],
      [400_020, 10_000],
      [1_600_000, 1_200_000],
      [1_000_000, 1_200_010],
    ])
      ahead.add(delay, at);
    expect(ahead.ahead).toBe(400_020);
    for (let at = 1_210_000; at <= 1_210_000 + 600_000; at += 10_000) ahead.add(20, at);
    expect(ahead.ahead).toBe(20);
    for (let at = 1_820_000; at <= 1_820_000 + 600_000; at += 10_000) ahead.add(7_200_000, at);
    expect(ahead.ahead).toBe(7_200_000);
  });

  it("stays ready when a clock is set by an hour: the next entry was sent after the one before it", async () => {
    let set = 0;
    const { history, replica, clock, end } = await followed((elapsed) => elapsed + set);
    for (const version of [2, 3, 4]) {
      clock.elapsed += 1000;
      await history.entry();
      await until(() => replica.live?.version === version);
      expect(replica.status().staleness).toBeLessThan(10);
      set += version === 3 ? -7_200_000 : 3_600_000;
    }
    await end();
  });

  it("knows how far a clock was set from two entries, which cannot be later than the time between them", () => {
    const skew = new ClockSkew();
    skew.add(50, 0);
    // Late: nothing arrived for a minute.
    skew.add(60_040, 60_000);
    expect(skew.ahead).toBe(50);
    skew.add(20, 61_000);
    skew.add(3_600_030, 62_000);
    expect(skew.ahead).toBe(3_599_030);
    skew.add(3_600_010, 63_000);
    expect(skew.ahead).toBe(3_599_030);
    skew.add(40, 64_000);
    expect(skew.ahead).toBe(40);
  });

  it("treats what a restarted trainer sends again, byte for byte, as duplicates", async () => {
    const log = new MemoryLog();
    const trainer = new TinyTrainer();
    const again = new TinyTrainer();
    const [first, second] = [log.publisher(1, 100), log.publisher(2, 100)];
    const publish = async (publisher: typeof first, from: TinyTrainer, number: number) => {
      from.learn(number % 4, number);
      await publisher.publish(from, number, [], from.takeChanged());
      log.published.set(number, from.answer());
    };
    const { replica } = replicaOf(new MemorySource(log));
    for (let n = 0; n < 3; n++) await publish(first, trainer, n);
    const checkpoint = first.state();
    for (let n = 3; n < 6; n++) await publish(first, trainer, n);
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    await until(() => replica.live?.version === 5);
    for (let n = 0; n < 3; n++) again.learn(n % 4, n);
    again.takeChanged();
    second.restore(checkpoint);
    for (let n = 3; n < 9; n++) await publish(second, again, n);
    await until(() => replica.live?.version === 8);
    expect(replica.status()).toMatchObject({ duplicates: 3, resyncs: 0, conflicts: 0, epoch: 2, number: 8 });
    stop.abort();
    await following;
  });

  it("skips another model's log, and a snapshot with an unusable spec", async () => {
    const history = new History(dice(5));
    await history.entry();
    const exclusive = chain();
    let fails = true;
    const open = async (_: unknown, run: string) => {
      expect(run).toBe(RUN);
      if (fails) throw new Error("not my spec");
      return new TinyModel();
    };
    const source = new MemorySource(history.log);
    const replica = new Replica({ source, open, exclusive, now: () => 0, retryMs: 1 });
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    await until(() => replica.status().trouble === "not my spec");
    expect(replica.live).toBeNull();
    fails = false;
    for (let i = 0; i < 7; i++) await history.entry();
    await until(() => replica.live?.version === 8);
    stop.abort();
    await following;
    await replica.close();
  });

  it("says that another model is published to its log: it became stale, and nothing told why", async () => {
    const history = new History(dice(5));
    await history.entry();
    const told: string[] = [];
    const source = new MemorySource(history.log);
    const open = async () => new TinyModel();
    const onTrouble = (text: string) => told.push(text);
    const replica = new Replica({ source, open, exclusive: chain(), now: () => 0, onTrouble });
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    await until(() => replica.live?.version === 1);
    const other = history.log.publisher(2, 100, "fedcba9876543210");
    const trainer = new TinyTrainer();
    for (let n = 0; n < 3; n++) {
      trainer.learn(n, n);
      await other.publish(trainer, n, [], trainer.takeChanged());
    }
    await until(() => replica.status().ignored >= 3);
    expect(replica.status()).toMatchObject({ version: 1, trouble: expect.stringMatching(/spec fedcba9876543210/) });
    expect(told).toEqual([replica.status().trouble]);
    await history.entry();
    await until(() => replica.live?.version === 2);
    await until(() => replica.status().trouble === null);
    stop.abort();
    await following;
  });

  it("reports each reason why its log cannot be read once, not the first one alone until the log can be read", async () => {
    const reasons = ["no broker answers", "the password is wrong", "no broker answers", "no rights"];
    const shown: (string | null)[] = [];
    const told: string[] = [];
    const follows = async (waits: readonly string[]) => {
      const source: DeltaSource = {
        async *follow() {
          for (const reason of waits) {
            yield { type: "waiting", reason };
            shown.push(replica.status().trouble);
          }
          throw new Error("the log is gone");
        },
        close: async () => {},
      };
      const onTrouble = (text: string) => told.push(text);
      const open = async () => new TinyModel();
      const replica: Replica<TinyModel> = new Replica({ source, open, exclusive: chain(), now: () => 0, onTrouble });
      const stop = new AbortController();
      const following = replica.follow(stop.signal);
      await until(() => replica.status().trouble === "the log is gone");
      stop.abort();
      await following;
    };
    await follows(reasons);
    expect(shown).toEqual(reasons);
    expect(told.splice(0)).toEqual(["no broker answers", "the password is wrong", "no rights", "the log is gone"]);
    // Some contain a number that differs each time.
    await follows(Array.from({ length: 100 }, (_, i) => `no answer to request ${i}`));
    expect(told).toHaveLength(16);
  });

  it("reports that nothing is in its log, which may be at a wrong address: only the readiness said so", async () => {
    const told: string[] = [];
    const onTrouble = (text: string) => told.push(text);
    const ofSource = (source: DeltaSource) => {
      const open = async () => new TinyModel();
      return new Replica({ source, open, exclusive: chain(), now: () => 0, quietMs: 1, retryMs: 1, onTrouble });
    };
    const empty: DeltaSource = {
      async *follow(_, signal) {
        await once(signal, "abort");
        yield* [];
      },
      close: async () => {},
    };
    const stop = new AbortController();
    const following = ofSource(empty).follow(stop.signal);
    await until(() => told.length > 0);
    expect(told.splice(0)).toEqual([expect.stringContaining("the log has no snapshot yet: is its address right")]);
    stop.abort();
    await following;
    const history = new History(dice(7));
    await history.entry();
    const read = ofSource(new MemorySource(history.log));
    const ended = new AbortController();
    const reading = read.follow(ended.signal);
    await until(() => read.live !== null);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told).toEqual([]);
    ended.abort();
    await reading;
  });

  it("reports once that its log cannot be read, and again after it could be read", async () => {
    const history = new History(dice(7));
    await history.entry();
    const inner = new MemorySource(history.log);
    let [failures, down] = [0, true];
    const source: DeltaSource = {
      async *follow(from, signal) {
        for await (const delivery of inner.follow(from, signal)) {
          if (down && ++failures) throw new Error("no broker answers");
          yield delivery;
        }
      },
      close: async () => {},
    };
    const told: string[] = [];
    const onTrouble = (reason: string) => told.push(reason);
    const open = async () => new TinyModel();
    const replica = new Replica({ source, open, exclusive: chain(), now: () => 0, retryMs: 1, onTrouble });
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    await until(() => failures > 2);
    expect(told).toEqual(["no broker answers"]);
    down = false;
    await until(() => replica.live !== null && replica.status().trouble === null);
    down = true;
    await history.entry();
    await until(() => failures > 5);
    expect(told).toEqual(Array(2).fill("no broker answers"));
    stop.abort();
    await following;
    await replica.close();
  });

  it("waits longer and longer before it reads a log with persistent conflicts again", async () => {
    const history = new History(dice(7));
    for (let i = 0; i < 3; i++) await history.entry();
    let readings = 0;
    // A delta whose link is not the snapshot's.
    const { frames } = history.log;
    const other = new MemoryLog();
    const publisher = other.publisher(1, 100);
    const trainer = new TinyTrainer();
    for (let n = 0; n < 4; n++) {
      trainer.learn(n, n + 1);
      await publisher.publish(trainer, n, [], trainer.takeChanged());
    }
    const source = new MemorySource(history.log, (some) => {
      if (some.length === 0) return some;
      readings++;
      return [...some, other.frames.at(-1)!];
    });
    expect(frames.length).toBeGreaterThan(0);
    const exclusive = chain();
    const replica = new Replica({ source, open: async () => new TinyModel(), exclusive, now: () => 0, retryMs: 20 });
    const stop = new AbortController();
    const following = replica.follow(stop.signal);
    await new Promise((resolve) => setTimeout(resolve, 500));
    stop.abort();
    await following;
    // With waits of 20 ms there would be two dozen; with 20, 20, 40, 80, 160 and 320 ms there are at most 7.
    expect(readings).toBeGreaterThan(1);
    expect(readings).toBeLessThan(8);
    await replica.close();
  });
});
