// Scan + hash: how fast bytes become batches, compared with plain JavaScript on the same rows.
import xxhash from "xxhash-wasm";
import { Rng } from "../src/core/rng.js";
import { Decoder } from "../src/decode/decoder.js";
import type { CompiledField, CompiledSpec, Format } from "../src/spec/compiled.js";
import { noKnobs } from "../src/towers/first-knobs.js";

const COLUMNS = 39;
const NUMERIC = 13;
const CAPACITY = 1024;

export interface ScanCase {
  readonly name: string;
  readonly rows: number;
  readonly bytesPerRow: number;
  /** Medians of the decoder alone and of JavaScript on the same rows. */
  readonly nsPerRow: number;
  readonly baselineNsPerRow: number;
  readonly gigabytesPerSecond: number;
  readonly ratio: number;
  /** Seconds of every timed run. */
  readonly raw: readonly number[];
}

export interface ScanResult {
  readonly name: "scan";
  readonly cases: readonly ScanCase[];
  /** The minimum rates of the criteo-like cases. */
  readonly floors: {
    readonly tsvGigabytesPerSecond: 1;
    readonly tsvRatio: 20;
    readonly jsonGigabytesPerSecond: 0.5;
    readonly jsonRatio: 5;
  };
  /** XXH64 over all keys, equal for the kernel and JavaScript. */
  readonly checksum: string;
}

const { h64, h64Raw } = await xxhash();
const hex = (value: bigint) => value.toString(16).padStart(16, "0");
const names = Array.from({ length: COLUMNS }, (_, i) => (i < NUMERIC ? `I${i + 1}` : `C${i - NUMERIC + 1}`));

/** Criteo's shape: a label, 13 counts, 26 ids of 8 hexadecimal digits, some missing. */
export function criteoLike(count: number, seed: number): string[][] {
  const rng = new Rng(seed);
  const draw = (i: number): string => {
    if (i < NUMERIC) return rng.uniform() < 0.2 ? "" : String(Math.floor(Math.exp(rng.uniform() * 8)));
    if (rng.uniform() < 0.05) return "";
    const id = Math.floor((10 ** (1 + (i % 6))) ** rng.uniform());
    return ((Math.imul(id, 2654435761) + i * 977) >>> 0).toString(16).padStart(8, "0");
  };
  return Array.from({ length: count }, () => [rng.uniform() < 0.25 ? "1" : "0", ...names.map((_, i) => draw(i))]);
}

/** All columns categorical, or the first 13 numeric with log1p. */
function criteoSpec(format: Format, numeric: boolean): CompiledSpec {
  const fields = names.map(
    (name, i): CompiledField =>
      numeric && i < NUMERIC
        ? { name, type: "numeric", from: name, transform: "log1p", missing: 0 }
        : { name, type: "categorical", from: name },
  );
  const optimizer = { kind: "sgd", learning_rate: 0.1 } as const;
  const cells = fields
    .filter(({ type }) => type === "categorical")
    .map(({ name }) => ({ field: name, kind: "single" as const, seed: hex(h64(name, 42n)) }));
  return {
    name: "criteo-like",
    seed: 42,
    batch: CAPACITY,
    window: 100_000,
    events: { format, columns: ["label", ...names], header: false, separator: "\t" },
    label: { from: "label", positive: { equals: "1" }, weight: null, time: null, id: null, oracle: null },
    fields,
    tables: [
      {
        name: "ids",
        role: "embedding",
        encoding: "hash",
        rows: 1 << 20,
        dim: 1,
        init: 0,
        optimizer,
        seed: hex(0n),
        cells,
      },
    ],
    numbers: fields.filter(({ type }) => type === "numeric").map(({ name }) => name),
    tower: {
      kind: "lr",
      ...noKnobs,
      optimizer,
      runtime: "onnxruntime",
    },
  };
}

/** Everything in the decode stage: bytes into the kernel's memory, scan, a batch out. */
function decode(decoder: Decoder, file: Uint8Array, onBatch: (keys: BigUint64Array) => void = () => {}): number {
  let rows = 0;
  let spare: ArrayBufferLike | undefined;
  const take = () => {
    const { batch, rejects } = decoder.take(spare);
    if (rejects.length > 0) throw new Error(`rejected: ${rejects[0].code} ${rejects[0].column}`);
    onBatch(batch.keys(0));
    rows += batch.rows;
    spare = batch.buffer;
  };
  decoder.startAt(0, 0);
  for (let at = 0; at < file.length; ) {
    const room = decoder.room();
    const count = Math.min(room.length, file.length - at);
    room.set(file.subarray(at, at + count));
    decoder.commit(count);
    at += count;
    while (decoder.scan() === "full") take();
  }
  decoder.endFile();
  while (decoder.scan() === "full") take();
  take();
  return rows;
}

/** How JavaScript computes the same keys: split or JSON.parse, then xxhash-wasm for each value. */
function baseline(text: string, format: Format, seeds: readonly bigint[], onKey: (key: bigint) => void): void {
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (format === "json") {
      const event = JSON.parse(line) as Record<string, string | number>;
      for (let i = 0; i < COLUMNS; i++) onKey(h64(String(event[names[i]] ?? ""), seeds[i]));
    } else {
      const cells = line.split("\t");
      for (let i = 0; i < COLUMNS; i++) onKey(h64(cells[i + 1], seeds[i]));
    }
  }
}

function secondsOf(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

interface Plan {
  readonly name: string;
  readonly format: Format;
  readonly numeric: boolean;
  readonly distinct: boolean;
  readonly text: string;
}

function measure(plan: Plan, rows: number, repeats: number): { result: ScanCase; checksum: bigint } {
  const { format, numeric, distinct, text, name } = plan;
  const spec = criteoSpec(format, numeric);
  const seeds = names.map((column) => h64(column, 42n));
  const file = Buffer.from(text);
  const decoder = new Decoder(spec, { capacity: CAPACITY, distinct });

  const sample = text.split("\n").slice(0, 2000).join("\n");
  const expected: bigint[] = [];
  baseline(sample, format, seeds, (key) => expected.push(key));
  const wanted = numeric ? expected.filter((_, i) => i % COLUMNS >= NUMERIC) : expected;
  const keys: bigint[] = [];
  decode(decoder, Buffer.from(sample), (batch) => keys.push(...batch));
  if (keys.length !== wanted.length || keys.some((key, i) => key !== wanted[i]))
    throw new Error(`${name}: keys differ from xxhash-wasm's`);
  const checksum = h64Raw(new Uint8Array(BigUint64Array.from(keys).buffer), 0n);

  let sink = 0n;
  const slow: number[] = [];
  const raw: number[] = [];
  const sampleRows = sample.split("\n").length;
  for (let i = 0; i <= repeats; i++) {
    const seconds = secondsOf(() => {
      if (decode(decoder, file) !== rows) throw new Error(`${name}: rows lost`);
    });
    const baselineSeconds = secondsOf(() => baseline(sample, format, seeds, (key) => (sink ^= key)));
    if (i === 0) continue;
    raw.push(seconds);
    slow.push(baselineSeconds);
  }
  if (sink === 1n) throw new Error("unreachable: keeps the baseline from being optimised away");
  const nsPerRow = (median(raw) / rows) * 1e9;
  const baselineNsPerRow = (median(slow) / sampleRows) * 1e9;
  const bytesPerRow = file.length / rows;
  const result = {
    name,
    rows,
    bytesPerRow,
    nsPerRow,
    baselineNsPerRow,
    gigabytesPerSecond: bytesPerRow / nsPerRow,
    ratio: baselineNsPerRow / nsPerRow,
    raw,
  };
  return { result, checksum };
}

/** Measures the decoder. Smoke: few rows, only for the check. */
export async function run({ smoke }: { smoke: boolean }): Promise<ScanResult> {
  const rows = smoke ? 3000 : 200_000;
  const repeats = smoke ? 1 : 7;
  const events = criteoLike(rows, 7);
  const tsv = `${events.map((event) => event.join("\t")).join("\n")}\n`;
  const object = (event: string[]) =>
    JSON.stringify(Object.fromEntries([["label", Number(event[0])], ...names.map((name, i) => [name, event[i + 1]])]));
  const json = `${events.map(object).join("\n")}\n`;
  const plans: Plan[] = [
    { name: "tsv, 39 categorical", format: "tsv", numeric: false, distinct: false, text: tsv },
    { name: "tsv, 39 categorical, distinct counts", format: "tsv", numeric: false, distinct: true, text: tsv },
    {
      name: "tsv, 13 log1p + 26 categorical, distinct counts",
      format: "tsv",
      numeric: true,
      distinct: true,
      text: tsv,
    },
    { name: "json, 39 categorical", format: "json", numeric: false, distinct: false, text: json },
    { name: "json, 39 categorical, distinct counts", format: "json", numeric: false, distinct: true, text: json },
  ];
  const measured = plans.map((plan) => measure(plan, rows, repeats));
  const floors = { tsvGigabytesPerSecond: 1, tsvRatio: 20, jsonGigabytesPerSecond: 0.5, jsonRatio: 5 } as const;
  const checksum = hex(measured.reduce((sum, part) => BigInt.asUintN(64, sum * 31n + part.checksum), 0n));
  return { name: "scan", cases: measured.map(({ result }) => result), floors, checksum };
}
