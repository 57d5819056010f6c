// Avro events into batches, beside what JavaScript does with them: avsc's decoding, then xxhash-wasm for each value.
import avsc from "avsc";
import xxhash from "xxhash-wasm";
import { Rng } from "../src/core/rng.js";
import { Decoder } from "../src/decode/decoder.js";
import { gather } from "../src/sources/messages.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { parseSpec } from "../src/spec/parse.js";
import { median, round } from "./lib/run.js";

const { h64 } = await xxhash();

const COLUMNS = 26;
const NUMBERS = 13;
const names = Array.from({ length: COLUMNS }, (_, i) => `C${i + 1}`);
const counts = Array.from({ length: NUMBERS }, (_, i) => `I${i + 1}`);
const optional = (type: string) => ["null", type];

/** Criteo's shape: a label, 13 counts, 26 ids of 8 digits, some missing; or ten fields in records, with a list of tags, as shops have them. */
const schemas = {
  flat: {
    type: "record",
    name: "Impression",
    fields: [
      { name: "label", type: "int" },
      ...counts.map((name) => ({ name, type: optional("int") })),
      ...names.map((name) => ({ name, type: optional("string") })),
    ],
  },
  nested: {
    type: "record",
    name: "View",
    fields: [
      { name: "label", type: "int" },
      { name: "ts", type: { type: "long", logicalType: "timestamp-millis" } },
      {
        name: "user",
        type: {
          type: "record",
          name: "User",
          fields: [
            { name: "id", type: "string" },
            { name: "country", type: optional("string") },
          ],
        },
      },
      {
        name: "item",
        type: {
          type: "record",
          name: "Item",
          fields: [
            { name: "id", type: "long" },
            { name: "price", type: "double" },
            { name: "brand", type: "string" },
          ],
        },
      },
      { name: "tags", type: { type: "array", items: "string" } },
      { name: "device", type: { type: "enum", name: "Device", symbols: ["PHONE", "TABLET", "DESKTOP"] } },
      { name: "session", type: "string" },
      { name: "attributes", type: { type: "map", values: "string" } },
    ],
  },
};
type Shape = keyof typeof schemas;

/** Where each shape's values are: ids, numbers, lists. */
const reads: Record<Shape, { ids: string[]; numbers: string[]; lists: string[] }> = {
  flat: { ids: names, numbers: counts, lists: [] },
  nested: {
    ids: ["user.id", "user.country", "item.id", "item.brand", "device"],
    numbers: ["item.price"],
    lists: ["tags"],
  },
};

function drawn(shape: Shape, rng: Rng): object {
  const id = () => (Math.imul(Math.floor(1e6 ** rng.uniform()), 2654435761) >>> 0).toString(16).padStart(8, "0");
  const label = Number(rng.uniform() < 0.25);
  if (shape === "flat") {
    const numbers = counts.map((name) => [name, rng.uniform() < 0.2 ? null : Math.floor(Math.exp(rng.uniform() * 8))]);
    const ids = names.map((name) => [name, rng.uniform() < 0.05 ? null : id()]);
    return { label, ...Object.fromEntries([...numbers, ...ids]) };
  }
  return {
    label,
    ts: 1_717_000_000_000 + Math.floor(rng.uniform() * 1e9),
    user: { id: id(), country: rng.uniform() < 0.1 ? null : "BR" },
    item: { id: Math.floor(rng.uniform() * 1e6), price: Math.floor(rng.uniform() * 1e5) / 100, brand: id() },
    tags: Array.from({ length: Math.floor(rng.uniform() * 6) }, id),
    device: ["PHONE", "TABLET", "DESKTOP"][Math.floor(rng.uniform() * 3)],
    session: id() + id(),
    attributes: { referrer: id(), experiment: id() },
  };
}

function specOf(shape: Shape): CompiledSpec {
  const { ids, numbers, lists } = reads[shape];
  const fields = [
    ...ids.map((from) => `  - { name: ${from}, type: categorical, table: ids }`),
    ...numbers.map((from) => `  - { name: ${from}, type: numeric }`),
    ...lists.map((from) => `  - { name: ${from}, type: bag, table: ids }`),
  ];
  return parseSpec(
    `name: bench
events: { format: avro, schema: '${JSON.stringify(schemas[shape])}' }
fields:
${fields.join("\n")}
tables: { ids: { dim: 4, salt: field } }
tower: deep_crossing
train: { batch: 1024 }
`,
    "bench.yaml",
  );
}

interface FormatCase {
  readonly name: string;
  readonly rows: number;
  readonly bytesPerRow: number;
  /** Medians of the decoder, messages to batches, and of JavaScript on the same messages. */
  readonly nsPerRow: number | null;
  readonly baselineNsPerRow: number | null;
  readonly ratio: number | null;
  /** Seconds of every timed run: ours, JavaScript's. */
  readonly raw: readonly (readonly [number, number])[];
}

const secondsOf = (run: () => void): number => {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
};

function measure(shape: Shape, rows: number, repeats: number): FormatCase {
  const type = avsc.Type.forSchema(schemas[shape] as avsc.Schema, { wrapUnions: false });
  const rng = new Rng(7);
  const values = Array.from({ length: rows }, () => type.toBuffer(drawn(shape, rng)));
  const { bytes, starts, ends, offsets } = gather(values.map((value, offset) => ({ offset, time: 0, value })));
  const spec = specOf(shape);
  const decoder = new Decoder(spec, { capacity: 1024, distinct: false, watch: false });
  const { ids, lists } = reads[shape];
  const seeds = new Map(spec.tables[0].cells.map(({ field, seed }) => [field, BigInt(`0x${seed}`)]));
  const paths = [...ids, ...lists].map((from) => ({ path: from.split("."), seed: seeds.get(from)! }));
  const numbers = reads[shape].numbers.map((from) => from.split("."));

  /** The sum of all keys, which both must come to. */
  const ours = (): bigint => {
    let sum = 0n;
    let spare: ArrayBufferLike | undefined;
    const take = () => {
      const { batch, rejects } = decoder.take(spare);
      if (rejects.length > 0) throw new Error(`rejected: ${rejects[0].code} ${rejects[0].column}`);
      sum += BigInt(batch.rows);
      spare = batch.buffer;
    };
    for (let i = 0; i < rows; i++) if (decoder.message(bytes, starts[i], ends[i], offsets[i]) === "full") take();
    take();
    return sum;
  };
  const at = (event: unknown, path: readonly string[]): unknown =>
    path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | null)?.[name], event);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const theirs = (count = rows, onKey?: (key: bigint) => void): number => {
    let sink = 0;
    for (let i = 0; i < count; i++) {
      const event = type.fromBuffer(buffer.subarray(starts[i], ends[i]));
      for (const path of numbers) sink += Number(at(event, path) ?? 0);
      for (const { path, seed } of paths) {
        const value = at(event, path);
        for (const text of Array.isArray(value) ? value : [value ?? ""]) {
          const key = h64(String(text), seed);
          sink ^= Number(key & 255n);
          onKey?.(key);
        }
      }
    }
    return sink;
  };

  checkKeys(decoder, spec, { bytes, starts, ends, offsets }, (count, onKey) => theirs(count, onKey));
  const raw: [number, number][] = [];
  for (let i = 0; i <= repeats; i++) {
    const pair: [number, number] = [secondsOf(() => void ours()), secondsOf(() => void theirs())];
    if (i > 0) raw.push(pair);
  }
  const [own, other] = [0, 1].map((side) => (median(raw.map((pair) => pair[side])) / rows) * 1e9);
  const bytesPerRow = values.reduce((sum, { length }) => sum + length, 0) / rows;
  return {
    name: `avro, ${shape}`,
    rows,
    bytesPerRow: round(bytesPerRow, 1)!,
    nsPerRow: round(own, 0),
    baselineNsPerRow: round(other, 0),
    ratio: round(other / own, 2),
    raw: raw.map(([a, b]) => [round(a, 5)!, round(b, 5)!] as const),
  };
}

/** Both come to the same keys. */
function checkKeys(
  decoder: Decoder,
  { tables }: CompiledSpec,
  {
    bytes,
    starts,
    ends,
    offsets,
  }: { bytes: Uint8Array; starts: Uint32Array; ends: Uint32Array; offsets: Float64Array },
  theirs: (count: number, onKey: (key: bigint) => void) => void,
): void {
  const count = 200;
  for (let i = 0; i < count; i++) decoder.message(bytes, starts[i], ends[i], offsets[i]);
  const { batch } = decoder.take();
  const expected: bigint[] = [];
  theirs(count, (key) => expected.push(key));
  const bags = batch.layout.bags.map((_, i) => batch.bag(i));
  const singles = tables[0].cells.filter(({ kind }) => kind === "single").length;
  const found: bigint[] = [];
  for (let r = 0; r < batch.rows; r++) {
    found.push(...batch.keys(0).subarray(r * singles, (r + 1) * singles));
    for (const { keys, offsets: at } of bags) found.push(...keys.subarray(at[r], at[r + 1]));
  }
  if (found.length !== expected.length || found.some((key, i) => key !== expected[i]))
    throw new Error("keys differ from those of avsc and xxhash-wasm");
}

export interface FormatsResult {
  readonly name: "formats";
  readonly cases: readonly FormatCase[];
  /** What the ratios are held to. */
  readonly floor: 5;
}

export function run({ smoke }: { smoke: boolean }): FormatsResult {
  const [rows, repeats] = smoke ? [1000, 1] : [50_000, 7];
  return {
    name: "formats",
    cases: (["flat", "nested"] as const).map((shape) => measure(shape, rows, repeats)),
    floor: 5,
  };
}
