import { appendFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeFiles } from "../../../src/core/files.js";
import { type Decision, OrderLog } from "../../../src/train/ordering/order-log.js";
import { MemoryFiles } from "../../checkpoints/memory-files.js";

const entries: Decision[] = [
  { kind: "partitions", at: 0, count: 4 },
  { kind: "turn", at: 0, partition: 3 },
  { kind: "turn", at: 17, partition: 1 },
  { kind: "close", at: 17 },
  { kind: "publish", at: 9007199254740991, number: 12 },
];

function written(): string {
  const directory = mkdtempSync(join(tmpdir(), "hashbrook-order-"));
  const log = new OrderLog(directory);
  log.append(entries.slice(0, 3));
  log.sync();
  log.append(entries.slice(3));
  log.close();
  return directory;
}

describe("order.log", () => {
  it("returns what was appended, and appends after it when reopened", () => {
    const directory = written();
    const log = new OrderLog(directory);
    expect(log.entries).toEqual(entries);
    log.append([{ kind: "close", at: 20 }]);
    log.close();
    expect(new OrderLog(directory).entries).toEqual([...entries, { kind: "close", at: 20 }]);
  });

  it("drops a line truncated by a kill, at any byte", () => {
    const whole = readFileSync(join(written(), "order.log"));
    for (let bytes = 0; bytes < whole.length; bytes++) {
      const directory = written();
      truncateSync(join(directory, "order.log"), bytes);
      const log = new OrderLog(directory);
      const lines = whole.subarray(0, bytes).filter((byte) => byte === 10).length;
      expect(log.entries).toEqual(entries.slice(0, lines));
      log.append([{ kind: "close", at: 99 }]);
      log.close();
      expect(new OrderLog(directory).entries).toEqual([...entries.slice(0, lines), { kind: "close", at: 99 }]);
    }
  });

  it("ignores a damaged line and what follows it", () => {
    const directory = written();
    const path = join(directory, "order.log");
    const text = readFileSync(path, "latin1");
    writeFileSync(path, text.replace("turn 17 1", "turn 17 2"), "latin1");
    expect(new OrderLog(directory).entries).toEqual(entries.slice(0, 2));
  });

  it("discards another run's decisions", () => {
    const directory = written();
    appendFileSync(join(directory, "order.log"), "");
    expect(new OrderLog(directory, { fresh: true }).entries).toEqual([]);
    expect(readFileSync(join(directory, "order.log"), "latin1")).toBe("");
  });

  it("of a new run has after a power cut nothing of the run before, and all that was synced", () => {
    for (const lost of [0, 1, 2]) {
      const files = new MemoryFiles();
      const cut = () => files.powerCut((n) => Math.min(lost, n - 1));
      const before = new OrderLog("/run", {}, files);
      before.append(entries);
      before.sync();
      cut();
      expect(new OrderLog("/run", {}, files).entries).toEqual(entries);
      new OrderLog("/run", { fresh: true }, files).close();
      cut();
      expect(new OrderLog("/run", {}, files).entries).toEqual([]);
    }
  });

  it("replaces entries that are published again or decided anew", () => {
    const directory = written();
    const log = new OrderLog(directory);
    log.append([
      { kind: "publish", at: 30, number: 13 },
      { kind: "close", at: 40 },
      { kind: "publish", at: 20, number: 12 },
      { kind: "anew", at: 17 },
      { kind: "turn", at: 18, partition: 0 },
    ]);
    log.close();
    const kept = entries.filter(({ kind }) => kind !== "publish");
    const replaced = [
      { kind: "publish", at: 20, number: 12 },
      { kind: "turn", at: 18, partition: 0 },
    ];
    expect(new OrderLog(directory).entries).toEqual([...kept, ...replaced]);
  });

  it("reads only the end of a long file", () => {
    const directory = mkdtempSync(join(tmpdir(), "hashbrook-order-"));
    const log = new OrderLog(directory);
    const many = Array.from({ length: 200_000 }, (_, at): Decision => ({ kind: "close", at }));
    log.append(many);
    log.close();
    let bytes = 0;
    const files = {
      ...nodeFiles,
      read: (...args: Parameters<typeof nodeFiles.read>) => {
        const count = nodeFiles.read(...args);
        bytes += count;
        return count;
      },
    };
    const wanted = ({ at }: Decision) => at >= 199_990;
    const tail = new OrderLog(directory, { wanted }, files);
    expect(tail.entries).toEqual(many.slice(-10));
    expect(bytes).toBeLessThan(5 << 20);
    tail.append([{ kind: "close", at: 200_000 }]);
    tail.close();
    expect(new OrderLog(directory).entries).toHaveLength(200_001);
    expect(new OrderLog(directory, { wanted: ({ at }) => at >= 50_000 }).entries).toHaveLength(150_001);
  });
});
