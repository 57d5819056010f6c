import { describe, expect, it } from "vitest";
import { hex64 } from "../../../src/core/hash.js";
import { xxh64 } from "../../../src/kernels/hash.js";
import { simulatorColumns } from "../../../src/sources/simulator/impression.js";
import { simulate } from "../../../src/sources/simulator/run.js";
import { Simulator } from "../../../src/sources/simulator/simulator.js";
import type { SimulatorFormat } from "../../../src/sources/simulator/writer.js";
import { openSource } from "../../../src/sources/source.js";

async function stream(rows: number, seed: number, format: SimulatorFormat) {
  const pieces: Uint8Array[] = [];
  const facts = await simulate({ rows, seed, format, write: (bytes) => void pieces.push(bytes.slice()) });
  return { facts, bytes: Buffer.concat(pieces), pieces: pieces.length };
}

const rowsOf = (bytes: Buffer) =>
  bytes
    .toString()
    .slice(0, -1)
    .split("\n")
    .map((line) => line.split("\t"));

describe("simulator output", async () => {
  const { bytes, facts } = await stream(10_000, 1, "tsv");
  const rows = rowsOf(bytes);

  it("is the same on every platform: XXH64 of the first 10,000 rows", () => {
    expect(hex64(xxh64(bytes))).toBe("ca6836d55762443a");
  });

  it("is the same as JSON", async () => {
    expect(hex64(xxh64((await stream(10_000, 1, "json")).bytes))).toBe("e884f13014ae9ed3");
  });

  it("does not depend on read sizes or on the number of rows", async () => {
    const source = openSource(["simulate:12_000:1"]);
    await source.open({ file: 0, offset: 0, row: 0 });
    const target = new Uint8Array(bytes.length);
    for (let at = 0, count = 0; at < target.length; at += count)
      count = await source.read(target.subarray(at, at + 7777));
    expect(Buffer.compare(target, bytes)).toBe(0);
  });

  it("depends on the seed", async () => {
    const other = await stream(1000, 2, "tsv");
    expect(Buffer.compare(other.bytes, bytes.subarray(0, other.bytes.length))).not.toBe(0);
  });

  it("has the documented columns in every row, no header, no stray characters", () => {
    expect(rows).toHaveLength(10_000);
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([simulatorColumns.length]));
    expect(rows[0][0]).toMatch(/^[01]$/);
    expect(bytes.toString()).toMatch(/^[\w\t\n.|+-]*$/);
    expect(facts.bytes).toBe(bytes.length);
  });

  it.each([
    ["label", /^[01]$/, 0, 0],
    ["oracle", /^0\.\d{5}$/, 0, 0],
    ["ts_ms", /^1736\d{9}$/, 0, 0],
    ["event_id", /^e\d+$/, 0, 0],
    ["user", /^u\d+$/, 0.02, 0.04],
    ["user_age_group", /^(\d\d-\d\d|65\+)$/, 0.05, 0.15],
    ["user_gender", /^[fm]$/, 0.05, 0.15],
    ["user_country", /^[A-Z]{2}$/, 0, 0],
    ["connection", /^(wifi|[345]g|cable)$/, 0.02, 0.2],
    ["hour_of_day", /^(1?\d|2[0-3])$/, 0, 0],
    ["day_of_week", /^[0-6]$/, 0, 0],
    ["creative_size", /^(\d+x\d+|native)$/, 0, 0],
    ["bid_bucket", /^\d$/, 0, 0],
    ["user_ad_views", /^\d+$/, 0, 0],
    ["user_interests", /^[a-z]+\.[123](\|[a-z]+\.[123]){0,7}$/, 0.1, 0.3],
    ["price", /^\d+\.\d\d$/, 0.01, 0.1],
    ["ctr_hint", /^[01]\.\d{4}$/, 0.001, 0.1],
    ["query_len", /^\d+$/, 0.5, 0.95],
  ])("%s is %s, empty in a share of %d to %d", (name, pattern, low, high) => {
    const values = rows.map((row) => row[simulatorColumns.indexOf(name as "label")]);
    const there = values.filter((value) => value !== "");
    expect(there.filter((value) => !pattern.test(value))).toEqual([]);
    expect(1 - there.length / values.length).toBeGreaterThanOrEqual(low);
    expect(1 - there.length / values.length).toBeLessThanOrEqual(high);
  });

  it("has the same values in both formats", async () => {
    const objects = (await stream(10_000, 1, "json")).bytes
      .toString()
      .slice(0, -1)
      .split("\n")
      .map((line) => JSON.parse(line));
    const strings = new Set(
      "event_id user user_age_group user_gender user_country device os browser connection slot site site_category ad campaign advertiser ad_category creative_size".split(
        " ",
      ),
    );
    const expected = rows.map((row) =>
      Object.fromEntries(
        simulatorColumns.map((name, c) => {
          if (name === "user_interests") return [name, row[c] === "" ? [] : row[c].split("|")];
          return [name, row[c] === "" ? null : strings.has(name) ? row[c] : Number(row[c])];
        }),
      ),
    );
    expect(objects).toEqual(expected);
    expect(Object.keys(objects[0])).toEqual(simulatorColumns);
  });

  it("lists each interest of a user once", () => {
    const bags = rows.map((row) => row[simulatorColumns.indexOf("user_interests")].split("|"));
    expect(bags.filter((bag) => new Set(bag).size < bag.length)).toEqual([]);
  });
});

describe("the simulated population", () => {
  const simulator = new Simulator(3);
  const { row } = simulator;
  const N = 300_000;
  const seen = {
    time: new Float64Array(N),
    user: new Int32Array(N),
    ad: new Int32Array(N),
    oracle: new Float64Array(N),
    label: new Uint8Array(N),
  };
  for (let i = 0; i < N; i++) {
    simulator.next();
    for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name][i] = row[name];
  }
  const counts = (values: Int32Array) => {
    const counted = new Map<number, number>();
    for (const value of values) counted.set(value, (counted.get(value) ?? 0) + 1);
    return [...counted.values()].sort((a, b) => b - a);
  };
  const sum = (values: ArrayLike<number>) =>
    Array.prototype.reduce.call(values, (a, b) => (a as number) + (b as number), 0) as number;

  it("draws clicks with the reported probability", () => {
    const expected = sum(seen.oracle);
    const error = Math.sqrt(sum(seen.oracle.map((p) => p * (1 - p))));
    expect(Math.abs(sum(seen.label) - expected)).toBeLessThan(4 * error);
    for (const [low, high] of [
      [0, 0.05],
      [0.05, 0.1],
      [0.1, 0.2],
      [0.2, 0.4],
      [0.4, 1],
    ]) {
      const inside = [...seen.oracle.keys()].filter((i) => seen.oracle[i] >= low && seen.oracle[i] < high);
      const wanted = inside.reduce((total, i) => total + seen.oracle[i], 0);
      const clicks = inside.reduce((total, i) => total + seen.label[i], 0);
      expect(Math.abs(clicks - wanted)).toBeLessThan(4 * Math.sqrt(wanted));
    }
  });

  it("keeps probabilities inside (0, 1) and time in order", () => {
    expect(seen.oracle.every((p) => p > 0.0005)).toBe(true);
    expect(seen.oracle.every((p) => p < 0.9995)).toBe(true);
    expect(seen.time.every((time, i) => i === 0 || time >= seen.time[i - 1])).toBe(true);
    const days = (seen.time[N - 1] - seen.time[0]) / 86_400_000;
    expect(days).toBeGreaterThan(0.8);
    expect(days).toBeLessThan(1.3);
  });

  it("has Zipf distributed ids: heads and long tails", () => {
    const ads = counts(seen.ad);
    const head = sum(ads.slice(0, 60)) / N;
    expect(head).toBeGreaterThan(0.2);
    expect(head).toBeLessThan(0.45);
    const users = counts(seen.user);
    expect(users.length).toBeGreaterThan(60_000);
    expect(users.filter((count) => count <= 5).length / users.length).toBeGreaterThan(0.6);
  });

  it("introduces new ads continuously, and retires old ones", () => {
    const first = new Set(seen.ad.subarray(0, N / 3));
    const last = seen.ad.subarray((2 * N) / 3);
    const newest = Math.max(...first);
    const fresh = last.filter((ad) => ad > newest).length / last.length;
    expect(fresh).toBeGreaterThan(0.05);
    expect(fresh).toBeLessThan(0.5);
    const still = new Set(last);
    const retired = [...first].filter((ad) => !still.has(ad)).length / first.size;
    expect(retired).toBeGreaterThan(0.05);
  });

  it("introduces new users", () => {
    const before = seen.user.subarray(0, N / 2).reduce((a, b) => Math.max(a, b));
    const after = seen.user.subarray(N / 2).reduce((a, b) => Math.max(a, b));
    expect(after).toBeGreaterThan(before);
  });

  it.each([4, 5, 6])("is learnable but noisy, and reports the oracle's quality (seed %i)", async (seed) => {
    const { oracleAuc, oracleLogloss, baseRate, distinct } = await simulate({
      rows: 100_000,
      seed,
      format: "tsv",
      write: () => {},
    });
    expect(oracleAuc).toBeGreaterThan(0.77);
    expect(oracleAuc).toBeLessThan(0.85);
    expect(baseRate).toBeGreaterThan(0.1);
    expect(baseRate).toBeLessThan(0.21);
    const entropy = -(baseRate * Math.log(baseRate) + (1 - baseRate) * Math.log(1 - baseRate));
    expect(oracleLogloss).toBeLessThan(0.92 * entropy);
    expect(distinct.site).toBeGreaterThan(4000);
    expect(distinct.ad).toBeGreaterThan(5000);
  });

  it("reports the exact AUC over all pairs", async () => {
    const rows = 2000;
    const world = new Simulator(8);
    const [clicks, others]: [number[], number[]] = [[], []];
    for (let i = 0; i < rows; i++) {
      world.next();
      (world.row.label ? clicks : others).push(world.row.oracle);
    }
    const won = clicks.reduce((total, p) => total + others.filter((q) => q < p).length, 0);
    const { oracleAuc } = await simulate({ rows, seed: 8, format: "tsv", write: () => {} });
    expect(Math.abs(oracleAuc - won / (clicks.length * others.length))).toBeLessThan(1e-4);
  });
});
