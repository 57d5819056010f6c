import { describe, expect, it } from "vitest";
import { LastMessages } from "../../../src/sources/kafka/last-messages.js";
import { gather, type Messages, printOf } from "../../../src/sources/messages.js";
import { Merge, type MergeDecision, type TopicPosition, TURN } from "../../../src/train/ordering/merge.js";
import { Trail } from "../../../src/train/ordering/trail.js";
import fc from "../../properties.js";
import { MemoryLog } from "../memory-log.js";

const START: TopicPosition = { topic: "events", offsets: [], turn: 0, taken: 0, messages: 0 };

function text({ bytes, starts, ends }: Messages, i: number): string {
  return Buffer.from(bytes.subarray(starts[i], ends[i])).toString();
}

/** Takes up to `most` messages (default: all), `step` at a time; whatever is not delivered yet is delivered when it waits. */
function drain(
  merge: Merge,
  log: MemoryLog,
  options: { most?: number; step?: number; chunk?: () => number } = {},
): string[] {
  const { most = Number.POSITIVE_INFINITY, step = 7, chunk = () => 1000 } = options;
  const seen: string[] = [];
  for (let waits = 0; seen.length < most && waits < 3; ) {
    const next = merge.next(false);
    if (next === "end") break;
    if (next === "close") {
      seen.push("|");
      continue;
    }
    if (next === "wait") {
      let came = false;
      for (let p = 0; p < log.partitions; p++) came = log.deliver(p, chunk()) || came;
      waits = came ? 0 : waits + 1;
      continue;
    }
    const count = Math.min(step, next.to - next.from, most - seen.length);
    for (let i = 0; i < count; i++) seen.push(text(next.messages, next.from + i));
    merge.take(next, count);
  }
  return seen;
}

function filled(counts: readonly number[], gap = (_: number) => 0, offsets: readonly string[] = []): MemoryLog {
  const log = new MemoryLog(counts.length, offsets);
  counts.forEach((count, p) => {
    for (let i = 0; i < count; i++) log.append(p, `${p}:${i}`, gap(i));
  });
  return log;
}

describe("the merge of partitions", () => {
  it("gives every partition turns of 256 messages", () => {
    const log = filled([600, 600]);
    const seen = drain(new Merge(log, START), log);
    expect(seen.slice(0, 2 * TURN + 1).map((text) => text[0])).toEqual([
      ...Array(TURN).fill("0"),
      ...Array(TURN).fill("1"),
      "0",
    ]);
    expect(seen).toHaveLength(1200);
  });

  it("has one order for a log that is no longer written, however its messages arrive", () => {
    const shape = fc.record({
      counts: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 5 }),
      gap: fc.integer({ min: 0, max: 3 }),
      chunks: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
      step: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(
      fc.property(shape, ({ counts, gap, chunks, step }) => {
        const gaps = (i: number) => (i % 5 === 0 ? gap : 0);
        const plain = filled(counts, gaps);
        const whole = drain(new Merge(plain, START), plain);
        let turn = 0;
        const log = filled(counts, gaps);
        const found = drain(new Merge(log, START), log, { step, chunk: () => chunks[turn++ % chunks.length] });
        expect(found).toEqual(whole);
        expect(found).toHaveLength(counts.reduce((a, b) => a + b, 0));
      }),
      { numRuns: 60 },
    );
  });

  it("remembers the last message of every partition, also of those without messages after a resume", () => {
    const log = filled([3, 0, 2]);
    const merge = new Merge(log, START);
    expect(merge.position.last).toBeUndefined();
    drain(merge, log);
    const first = gather([{ offset: 2, time: 1_700_000_000_000, value: Buffer.from("0:2") }]);
    const { last } = merge.position;
    expect(last).toEqual([printOf(first, 0), null, expect.objectContaining({ offset: "1" })]);
    const later = gather([{ offset: 2, time: 1_700_000_000_001, value: Buffer.from("0:2") }]);
    expect(printOf(later, 0).xxh64).not.toBe(printOf(first, 0).xxh64);
    const again = filled([3, 0, 2]);
    again.append(2, "new");
    const resumed = new Merge(again, merge.position);
    drain(resumed, again);
    expect(resumed.position.last).toEqual([last![0], null, expect.objectContaining({ offset: "2" })]);
    // The message itself, another one at its offset, and none.
    for (const [messages, found] of [[first, null] as const, [later, "2"] as const, [gather([]), null] as const]) {
      const learned = new LastMessages(last!);
      expect([learned.begin(0, 3n, 0n), learned.begin(1, 0n, 0n), learned.pending]).toEqual([2n, 0n, true]);
      expect(learned.contradiction(0, [{ messages, bytes: 0, next: 9n }])).toBe(found);
      expect(learned.pending).toBe(found !== null);
    }
    expect(new LastMessages(last!).begin(0, 3n, 3n)).toBe(3n);
  });

  it("continues in the same order from any position", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 2000 }),
        (counts, cut) => {
          const log = filled(counts);
          const whole = drain(new Merge(log, START), log);
          const first = filled(counts);
          const merge = new Merge(first, START);
          const before = drain(merge, first, { most: cut });
          const { position } = merge;
          const second = filled(counts, undefined, position.offsets);
          expect([...before, ...drain(new Merge(second, position), second)]).toEqual(whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("repeats recorded decisions in a replay where messages arrived late", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 300 })), {
          minLength: 3,
          maxLength: 30,
        }),
        (arrivals) => {
          const live = new MemoryLog(3);
          const merge = new Merge(live, START);
          const decisions: MergeDecision[] = [];
          const seen: string[] = [];
          const counts = [0, 0, 0];
          for (const [partition, count] of arrivals) {
            for (let i = 0; i < count; i++) live.append(partition, `${partition}:${counts[partition]++}`);
            live.deliver(partition);
            for (let next = merge.next(true); next !== "wait"; next = merge.next(false)) {
              if (next === "close") seen.push("|");
              else if (next !== "end") {
                for (let i = next.from; i < next.to; i++) seen.push(text(next.messages, i));
                merge.take(next, next.to - next.from);
              }
            }
            decisions.push(...merge.takeDecisions());
          }
          const later = filled(counts);
          const again = new Merge(later, START, decisions);
          expect(drain(again, later, { step: 1 })).toEqual(seen);
          expect(again.position).toEqual(merge.position);
          expect(again.takeDecisions()).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("waits for a partition whose messages the log has not delivered yet", () => {
    const log = filled([10, 10]);
    log.deliver(1);
    expect(new Merge(log, START).next(true)).toBe("wait");
  });

  it("closes a batch early only if no partition has messages", () => {
    const log = filled([2, 0]);
    const merge = new Merge(log, START);
    drain(merge, log);
    expect(merge.next(false)).toBe("wait");
    expect(merge.next(true)).toBe("close");
    expect(merge.takeDecisions()).toContainEqual({ kind: "close", at: 2 });
  });

  it("stops at the given offsets", () => {
    const log = filled([300, 300]);
    const merge = new Merge(log, START, [], [100n, 20n]);
    expect(drain(merge, log)).toHaveLength(120);
    expect(merge.next(true)).toBe("end");
    expect(merge.position.offsets).toEqual(["100", "20"]);
  });

  it("replays messages from before partitions were added without the new ones, which join afterwards", () => {
    const two = filled([300, 40]);
    const live = new Merge(two, START);
    const before = drain(live, two);
    // Publications are recorded with the partitions of their time: a replay must not add others earlier.
    const decisions: MergeDecision[] = [...live.takeDecisions(), { kind: "partitions", at: 340, count: 2 }];
    for (const kept of [0, 130]) {
      const log = filled([300, 40, 70]);
      const first = new Merge(log, START, decisions);
      const start = drain(first, log, { most: kept });
      const later = filled([300, 40, 70], undefined, kept > 0 ? first.position.offsets : []);
      const again = new Merge(later, kept > 0 ? first.position : START, decisions);
      const seen = [...start, ...drain(again, later)];
      expect(seen.slice(0, before.length)).toEqual(before);
      expect(seen.slice(before.length)).toEqual(Array.from({ length: 70 }, (_, i) => `2:${i}`));
      expect(again.takeDecisions()).toContainEqual({ kind: "partitions", at: 340, count: 3 });
    }
  });

  it("does not wait forever for lost messages: it decides anew", () => {
    const live = filled([300, 300]);
    const merge = new Merge(live, START);
    drain(merge, live, { most: 200 });
    const { position } = merge;
    drain(merge, live);
    const decisions: MergeDecision[] = [...merge.takeDecisions(), { kind: "close", at: 590 }];
    const log = filled([300, 300], undefined, ["250", "0"]);
    log.losses = 1;
    const again = new Merge(log, position, decisions, [300n, 300n]);
    expect(drain(again, log)).toHaveLength(350);
    expect(again.next(true)).toBe("end");
    expect(again.takeDecisions()[0]).toEqual({ kind: "anew", at: 200 });
  });
});

describe("a merge that follows another one", () => {
  it("takes the same messages in the same order, as far as the other one has come, from any start", () => {
    const shape = fc.record({
      counts: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 4 }),
      chunks: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 }),
      steps: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 2, maxLength: 8 }),
      forget: fc.boolean(),
    });
    fc.assert(
      fc.property(shape, ({ counts, chunks, steps, forget }) => {
        // Written to while it is read, so the order depends on what has been delivered.
        const log = new MemoryLog(counts.length);
        let turn = 0;
        const appended = counts.map(() => 0);
        const write = () =>
          counts.forEach((count, p) => {
            const until = Math.min(count, appended[p] + (chunks[turn++ % chunks.length] % 40));
            for (; appended[p] < until; appended[p]++) log.append(p, `${p}:${appended[p]}`);
          });
        const head = new Merge(log, START);
        const trail = new Trail([], 0);
        const seen: string[] = [];
        const behind = filled(counts);
        let tail = new Merge(behind, START, [], null, [], trail.from(0));
        const again: string[] = [];
        for (const step of [...steps, 2000, 2000]) {
          write();
          seen.push(...drain(head, log, { most: step, chunk: () => chunks[turn++ % chunks.length] }));
          trail.add(head.takeDecisions());
          trail.messages = seen.length;
          const most = seen.length - again.length - (step === 2000 ? 0 : Math.floor(step / 3));
          if (most > 0) again.push(...drain(tail, behind, { most }));
          if (forget) trail.forget(again.length);
          const { position } = tail;
          const rest = filled(counts, undefined, position.offsets);
          if (!forget)
            tail = new Merge(rest, position, [], null, position.offsets.map(BigInt), trail.from(again.length));
          if (!forget) Object.assign(behind, rest);
        }
        expect(again).toEqual(seen);
      }),
      { numRuns: 60 },
    );
  });

  it("pauses where the other one is, and continues with it", () => {
    const log = filled([40, 40]);
    const trail = new Trail([{ kind: "partitions", at: 0, count: 2 }], 0);
    const tail = new Merge(log, START, [], null, [], trail.from(0));
    expect(tail.next(false)).toBe("close");
    trail.add([{ kind: "turn", at: 5, partition: 1 }]);
    trail.messages = 8;
    expect(drain(tail, log, { most: 8 })).toEqual(["0:0", "0:1", "0:2", "0:3", "0:4", "1:0", "1:1", "1:2"]);
    expect(tail.next(true)).toBe("close");
    trail.messages = 9;
    expect(drain(tail, log, { most: 1 })).toEqual(["1:3"]);
    expect(tail.takeDecisions()).toEqual([]);
  });
});
