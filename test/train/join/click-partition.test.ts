import { expect, it } from "vitest";
import { Decoder } from "../../../src/decode/decoder.js";
import { loadSpec } from "../../../src/spec/parse.js";
import { clickSpec } from "../../../src/train/join/click-files.js";
import { ClickPartition } from "../../../src/train/join/click-partition.js";
import { MemoryLog } from "../memory-log.js";

const spec = loadSpec("features/ads-demo-join.yaml");
const decoder = new Decoder(clickSpec(spec, spec.join!), { capacity: 256, unlabelled: true });

function opened(log: MemoryLog, more: { from?: bigint; stop?: bigint } = {}) {
  let now = 0;
  const clock = { now: () => (now += 10) };
  const { from = 0n, stop } = more;
  return new ClickPartition({ log, partition: 0, decoder, from, stop, quietMs: 50, clock });
}

/** Positions and times of all runs, and what followed them. */
async function read(stream: ClickPartition) {
  const runs: [place: string, times: number[]][] = [];
  for (;;) {
    const run = await stream.next();
    if (typeof run === "string") return { runs, last: run };
    runs.push([run.place, [...run.times]]);
  }
}

function logOf(clicks: number, gapAt = -1, gap = 0): MemoryLog {
  const log = new MemoryLog(1);
  for (let i = 0; i < clicks; i++) log.append(0, `e${i}\t${1_700_000_000_000 + i}`, i === gapAt ? gap : 0);
  return log;
}

it("ends at its stop, however much is available after it", async () => {
  const { runs, last } = await read(opened(logOf(400), { stop: 300n }));
  expect(last).toBe("end");
  expect(runs.map(([place, times]) => [place, times.length])).toEqual([
    ["0", 256],
    ["256", 44],
  ]);
});

it("ends where a gap extends beyond its stop, and skips whole blocks that were deleted", async () => {
  const { runs, last } = await read(opened(logOf(100, 50, 900), { stop: 60n }));
  expect([runs.map(([, times]) => times.length), last]).toEqual([[50], "end"]);
  const all = await read(opened(logOf(100, 50, 900)));
  expect(all.runs.map(([place, times]) => [place, times.length])).toEqual([
    ["0", 50],
    ["768", 50],
  ]);
  expect(all.last).toBe("quiet");
});

it("detects eight silent partitions after one quiet period, not eight in sequence", async () => {
  let now = 0;
  const log = new MemoryLog(8, [], () => now);
  for (let p = 0; p < 8; p++) log.append(p, `e${p}\t${1_700_000_000_000 + p}`);
  await log.wait();
  const wait = async () => {
    now += 10;
  };
  const own = { log: Object.assign(log, { wait }), decoder, from: 0n, stop: undefined, quietMs: 10_000 };
  const clock = { now: () => now };
  const partitions = Array.from({ length: 8 }, (_, partition) => new ClickPartition({ ...own, partition, clock }));
  for (const partition of partitions) {
    const { runs, last } = await read(partition);
    expect([runs.length, last]).toEqual([1, "quiet"]);
  }
  expect(now).toBe(10_000 + 7 * 10);
});

it("identifies a block by its first offset, or where reading began in it, however its messages arrive", async () => {
  const log = logOf(600);
  for (const count of [5, 200, 100, 295]) log.deliver(0, count);
  const { runs } = await read(opened(log, { from: 3n }));
  expect(runs.map(([place]) => place)).toEqual(["3", "3", "3", "256", "256", "512"]);
  expect(runs.flatMap(([, times]) => times)).toHaveLength(597);
});
