// Avro and Protobuf events into batches, compared with JavaScript: the decoding of avsc and @bufbuild/protobuf, then xxhash-wasm
// for each value.
import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import avsc from "avsc";
import xxhash from "xxhash-wasm";
import { Rng } from "../src/core/rng.js";
import { Decoder } from "../src/decode/decoder.js";
import { protoFiles, type WrittenMessage } from "../src/event-schemas/proto-file.js";
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

/** Criteo's shape: a label, 13 counts, 26 ids of 8 digits, some missing; or ten fields in records, with a list of tags, as in shops. */
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

const numbered = (types: readonly string[], from: number) => types.map((type, i) => `${type} = ${i + from};`).join(" ");

/** The same in Protobuf. */
const protos: Record<Shape, string> = {
  flat: `syntax = "proto3"; message Impression { int32 label = 1; ${numbered(
    [...counts.map((name) => `optional int32 ${name}`), ...names.map((name) => `optional string ${name}`)],
    2,
  )} }`,
  nested: `syntax = "proto3"; message View { int32 label = 1; int64 ts = 2; User user = 3; Item item = 4; repeated string tags = 5;
    Device device = 6; string session = 7; map<string, string> attributes = 8;
    message User { string id = 1; optional string country = 2; } message Item { int64 id = 1; double price = 2; string brand = 3; } }
    enum Device { PHONE = 0; TABLET = 1; DESKTOP = 2; }`,
};

/** Encodes events, and decodes them in JavaScript. */
interface Codec {
  readonly events: string;
  encode(event: object): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const codecs: Record<"avro" | "protobuf", (shape: Shape) => Codec> = {
  avro: (shape) => {
    const type = avsc.Type.forSchema(schemas[shape] as avsc.Schema, { wrapUnions: false });
    return {
      events: `{ format: avro, schema: '${JSON.stringify(schemas[shape])}' }`,
      encode: (event) => type.toBuffer(event),
      decode: (bytes) => type.fromBuffer(bytes as Buffer),
    };
  },
  protobuf: (shape) => {
    const type = messageOf(protos[shape]);
    const device = type.fields.find(({ name }) => name === "device")?.enum;
    const symbols = new Map(device?.values.map(({ name, number }) => [name, number]));
    const named = new Map([...symbols].map(([name, number]) => [number, name]));
    return {
      events: `{ format: protobuf, schema: '${protos[shape]}' }`,
      encode: (event) => toBinary(type, create(type, written(event, symbols) as MessageInitShape<DescMessage>)),
      decode: (bytes) => {
        const event = fromBinary(type, bytes) as { device?: unknown };
        if (device) event.device = named.get(event.device as number);
        return event;
      },
    };
  },
};

/** An event for @bufbuild/protobuf: without nulls, 64-bit integers as bigint, symbols by number. */
function written(event: object, symbols: ReadonlyMap<string, number>): object {
  const whole = (name: string, value: unknown) =>
    name === "ts" || (name === "id" && typeof value === "number") ? BigInt(value as number) : value;
  const members = Object.entries(event).flatMap(([name, value]) => {
    if (value === null) return [];
    if (name === "device") return [[name, symbols.get(value as string)]];
    return [[name, name === "user" || name === "item" ? written(value as object, symbols) : whole(name, value)]];
  });
  return Object.fromEntries(members) as object;
}

/** The descriptor of a .proto text's first message. */
function messageOf(text: string): DescMessage {
  const [{ messages, enums }] = protoFiles(text);
  const { MESSAGE, ENUM } = FieldDescriptorProto_Type;
  const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;
  const of = ({ name, fields, messages: inner }: WrittenMessage, around: string): DescriptorProto => {
    const full = `${around}.${name}`;
    const typeOf = (type: string) => {
      const scalar = FieldDescriptorProto_Type[type.toUpperCase() as "INT32"];
      if (scalar) return { type: scalar };
      return enums.some((one) => one.name === type)
        ? { type: ENUM, typeName: `.${type}` }
        : { type: MESSAGE, typeName: `${full}.${type}` };
    };
    const maps = fields.filter(({ key }) => key !== undefined);
    const optional = fields.filter(({ label }) => label === "optional");
    return create(DescriptorProtoSchema, {
      name,
      oneofDecl: optional.map((field) => ({ name: `_${field.name}` })),
      field: fields.map((field) => ({
        name: field.name,
        number: field.number,
        jsonName: field.name,
        label: field.label === "repeated" || field.key ? REPEATED : OPTIONAL,
        ...(field.label === "optional" && { proto3Optional: true, oneofIndex: optional.indexOf(field) }),
        ...(field.key ? { type: MESSAGE, typeName: `${full}.${entryOf(field.name)}` } : typeOf(field.type)),
      })),
      nestedType: [
        ...inner.map((one) => of(one, full)),
        ...maps.map((field) => ({
          name: entryOf(field.name),
          options: { mapEntry: true },
          field: [
            { name: "key", number: 1, jsonName: "key", label: OPTIONAL, ...typeOf(field.key!) },
            { name: "value", number: 2, jsonName: "value", label: OPTIONAL, ...typeOf(field.type) },
          ],
        })),
      ],
    });
  };
  const enumType = enums.map(({ name, symbols }) => ({
    name,
    value: symbols.map(([symbol, number]) => ({ name: symbol, number })),
  }));
  const file = create(FileDescriptorProtoSchema, {
    name: "bench.proto",
    syntax: "proto3",
    messageType: messages.map((one) => of(one, "")),
    enumType,
  });
  return createFileRegistry(file, () => undefined).getMessage(messages[0].name)!;
}

const entryOf = (name: string): string => `${name[0].toUpperCase()}${name.slice(1)}Entry`;

/** Paths of each shape's values: ids, numbers, lists. */
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

function specOf(shape: Shape, events: string): CompiledSpec {
  const { ids, numbers, lists } = reads[shape];
  const fields = [
    ...ids.map((from) => `  - { name: ${from}, type: categorical, table: ids }`),
    ...numbers.map((from) => `  - { name: ${from}, type: numeric }`),
    ...lists.map((from) => `  - { name: ${from}, type: bag, table: ids }`),
  ];
  return parseSpec(
    `name: bench
events: ${events}
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

function measure(format: keyof typeof codecs, shape: Shape, rows: number, repeats: number): FormatCase {
  const codec = codecs[format](shape);
  const rng = new Rng(7);
  const values = Array.from({ length: rows }, () => codec.encode(drawn(shape, rng)));
  const { bytes, starts, ends, offsets } = gather(values.map((value, offset) => ({ offset, time: 0, value })));
  const spec = specOf(shape, codec.events);
  const decoder = new Decoder(spec, { capacity: 1024, distinct: false, watch: false });
  const { ids, lists } = reads[shape];
  const seeds = new Map(spec.tables[0].cells.map(({ field, seed }) => [field, BigInt(`0x${seed}`)]));
  const paths = [...ids, ...lists].map((from) => ({ path: from.split("."), seed: seeds.get(from)! }));
  const numbers = reads[shape].numbers.map((from) => from.split("."));

  /** The sum of all keys, which must be equal for both. */
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
      const event = codec.decode(buffer.subarray(starts[i], ends[i]));
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
    name: `${format}, ${shape}`,
    rows,
    bytesPerRow: round(bytesPerRow, 1)!,
    nsPerRow: round(own, 0),
    baselineNsPerRow: round(other, 0),
    ratio: round(other / own, 2),
    raw: raw.map(([a, b]) => [round(a, 5)!, round(b, 5)!] as const),
  };
}

/** Checks that both compute the same keys. */
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
    throw new Error("keys differ from those of JavaScript");
}

export interface FormatsResult {
  readonly name: "formats";
  readonly cases: readonly FormatCase[];
  /** Minimum ratios. */
  readonly floor: 5;
}

export function run({ smoke }: { smoke: boolean }): FormatsResult {
  const [rows, repeats] = smoke ? [1000, 1] : [50_000, 7];
  return {
    name: "formats",
    cases: (["avro", "protobuf"] as const).flatMap((format) =>
      (["flat", "nested"] as const).map((shape) => measure(format, shape, rows, repeats)),
    ),
    floor: 5,
  };
}
