import { expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { RequestCursor } from "../../src/decode/request.js";
import { TensorCursor } from "../../src/decode/tensor-cursor.js";
import type { ElementType } from "../../src/decode/tensor-rows.js";
import { tensorsOf } from "../../src/serve/v2/body-tensors.js";
import type { InputTensor } from "../../src/serve/v2/schemas.js";
import { parseSpec } from "../../src/spec/parse.js";
import { rowsOf } from "../decode/feed.js";
import fc from "../properties.js";

const spec = parseSpec(
  `
name: tensors
events: { format: json }
label: { field: click }
fields:
  - { name: user, type: categorical, from: user.id, table: ids }
  - { name: item, type: categorical, table: ids }
  - { name: price, type: numeric, transform: log1p }
  - { name: age, type: numeric, transform: { buckets: [18, 30.5, 65] }, table: ids }
  - { name: tags, type: bag, table: ids, max_length: 3 }
  - { name: picture, type: vector, length: 3 }
  - { name: user_x_item, type: cross, of: [user, item], table: ids }
tables: { ids: { dim: 4 } }
tower: { deep_crossing: { residual: [8] } }
`,
  "tensors.yaml",
);
const ROWS = 32;
const options = { capacity: ROWS, requireLabel: false } as const;
const [json, binary] = [new Decoder(spec, options), new Decoder(spec, options)];

/** The bytes of elements, and their JSON. */
interface Column {
  readonly tensor: InputTensor;
  readonly bytes: Buffer;
  readonly texts: readonly string[];
}

const text = fc.oneof(fc.string({ maxLength: 9 }), fc.string({ unit: "grapheme", maxLength: 40 }));
const whole = (bits: number, signed: boolean) => ({
  arbitrary: signed
    ? fc.bigInt(-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n)
    : fc.bigInt(0n, 2n ** BigInt(bits) - 1n),
  write: (value: unknown) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value as bigint));
    return bytes.subarray(0, bits / 8);
  },
  json: String,
});
const float = (bytes: 4 | 8) => ({
  arbitrary:
    bytes === 4
      ? fc.float({ noDefaultInfinity: true, noNaN: true, max: 2 ** 58, min: -(2 ** 58) })
      : fc.double({ noNaN: true, max: 1e18, min: -1e18 }),
  write: (value: unknown) => Buffer.from((bytes === 4 ? Float32Array : Float64Array).of(value as number).buffer),
  json: String,
});
interface Kind {
  readonly arbitrary: fc.Arbitrary<unknown>;
  write(value: unknown): Buffer;
  json(value: unknown): string;
}
const kinds: Partial<Record<ElementType, Kind>> = {
  BYTES: {
    arbitrary: text,
    write: (value) => {
      const bytes = Buffer.from(value as string);
      return Buffer.concat([Buffer.from(Uint32Array.of(bytes.length).buffer), bytes]);
    },
    json: JSON.stringify,
  },
  BOOL: { arbitrary: fc.boolean(), write: (value) => Buffer.of(+(value as boolean)), json: String },
  INT8: whole(8, true),
  INT16: whole(16, true),
  INT32: whole(32, true),
  INT64: whole(64, true),
  UINT8: whole(8, false),
  UINT16: whole(16, false),
  UINT32: whole(32, false),
  UINT64: whole(64, false),
  FP32: float(4),
  FP64: float(8),
};
const integers = ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"] as const;
const categorical = [...integers, "BYTES", "BOOL"] as const;
const numeric = ["INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32", "FP32", "FP64"] as const;

function column(name: string, types: readonly ElementType[], rows: number, width: number | null): fc.Arbitrary<Column> {
  return fc.tuple(fc.constantFrom(...types), fc.boolean()).chain(([datatype, isShared]) => {
    const count = isShared ? 1 : rows;
    const kind = kinds[datatype]!;
    return fc
      .array(kind.arbitrary, { minLength: count * (width ?? 1), maxLength: count * (width ?? 1) })
      .map((values) => {
        const bytes = Buffer.concat(values.map((value) => kind.write(value)));
        const elements = values.map((value) => kind.json(value));
        const lists = Array.from(
          { length: count },
          (_, row) => `[${elements.slice(row * width!, (row + 1) * width!)}]`,
        );
        const shape = width === null ? [count] : [count, width];
        const tensor = { name, shape, datatype, parameters: { binary_data_size: bytes.length } };
        return { tensor, bytes, texts: width === null ? elements : lists };
      });
  });
}

const columns = fc.integer({ min: 1, max: 40 }).chain((rows) =>
  fc.tuple(
    column("user.id", categorical, rows, null),
    column("item", categorical, rows, null),
    column("price", numeric, rows, null),
    column("age", numeric, rows, null),
    fc.integer({ min: 1, max: 5 }).chain((width) => column("tags", categorical, rows, width)),
    column("picture", numeric, rows, 3),
  ),
);

/** The rows of the same values as JSON. */
function ofJson(all: readonly Column[]): unknown[] {
  const rows = Math.max(...all.map(({ texts }) => texts.length));
  const candidates = Array.from({ length: rows }, (_, row) => {
    const members = all.map(
      ({ tensor, texts }) => `${JSON.stringify(tensor.name)}:${texts[texts.length === 1 ? 0 : row]}`,
    );
    return `{${members}}`;
  });
  const cursor = new RequestCursor(Buffer.from(`{"candidates":[${candidates}]}`));
  const found: unknown[] = [];
  while (!cursor.ended) found.push(...rowsOf(spec, json.requests.batch(json.requests.read(cursor, 0, ROWS)!)));
  return found;
}

function ofTensors(all: readonly Column[], slice: number): unknown[] | null {
  const body = Buffer.concat([Buffer.from("header"), ...all.map(({ bytes }) => bytes)]);
  const places = tensorsOf(
    all.map(({ tensor }) => tensor),
    spec,
    6,
    body.length,
  );
  const cursor = new TensorCursor(body, places!);
  const found: unknown[] = [];
  while (!cursor.ended) {
    const count = binary.requests.tensors.read(cursor, 0, slice);
    if (count === undefined) return null;
    found.push(...rowsOf(spec, binary.requests.batch(count)));
  }
  return found;
}

it("binary tensors decode to the same rows as the same values in JSON, of every type, for any chunk boundaries", () => {
  fc.assert(
    fc.property(columns, fc.integer({ min: 1, max: ROWS }), (all, slice) => {
      expect(ofTensors(all, slice)).toEqual(ofJson(all));
    }),
    { numRuns: 150 },
  );
});

const bad: readonly (readonly [what: string, tensor: InputTensor, bytes: Buffer])[] = [
  ["a text that is not UTF-8", tensorOf("item", "BYTES", [1], 6), Buffer.from([2, 0, 0, 0, 0xc3, 0x28])],
  ["a text beyond its tensor", tensorOf("item", "BYTES", [1], 6), Buffer.from([9, 0, 0, 0, 65, 66])],
  ["bytes behind the last text", tensorOf("item", "BYTES", [1], 6), Buffer.from([1, 0, 0, 0, 65, 66])],
  ["no truth", tensorOf("item", "BOOL", [1], 1), Buffer.from([2])],
  ["no number", tensorOf("price", "FP32", [1], 4), Buffer.from(Float32Array.of(Number.NaN).buffer)],
  [
    "an infinity",
    tensorOf("picture", "FP64", [1, 3], 24),
    Buffer.from(Float64Array.of(1, Number.NEGATIVE_INFINITY, 0).buffer),
  ],
  ["a number out of range", tensorOf("price", "FP64", [1], 8), Buffer.from(Float64Array.of(1e19).buffer)],
];

function tensorOf(name: string, datatype: string, shape: number[], size: number): InputTensor {
  return { name, datatype, shape, parameters: { binary_data_size: size } };
}

it.each(bad)("leaves %s to the code with the error messages", (_, tensor, bytes) => {
  expect(ofTensors([{ tensor, bytes, texts: [] }], ROWS)).toBeNull();
});
