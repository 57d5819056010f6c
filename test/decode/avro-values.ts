// Random Avro schemas with values: encoded by avsc, and as the JSON that an application would write.
import avsc from "avsc";
import { anyCharacter } from "../code-points.js";
import fc from "../properties.js";

export type Schema = string | { readonly [key: string]: unknown } | readonly Schema[];

/** A value: as avsc expects it, and as JSON text. */
interface Value {
  readonly avro: unknown;
  readonly json: string;
}

interface Drawn {
  readonly schema: Schema;
  readonly value: fc.Arbitrary<Value>;
}

const text = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 40 }),
  fc.constantFrom("", "a", "b|c", '"\\', "\n\u0001", "a".repeat(70)),
);
const quoted = (avro: string): Value => ({ avro, json: JSON.stringify(avro) });
const numberOf = (avro: number): Value => ({ avro, json: String(Object.is(avro, -0) ? 0 : avro) });
const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -1e6, max: 1e6 }).map((x) => x / 100),
  fc.integer({ min: -5000, max: 5000 }),
  fc.constantFrom(0, -0, 1e15, 123456789012345.6, 1e21, 1e-6, 1.5e-7, 0.1, 2 ** 53, 5e-324, 1e18, 1.1e18),
);
const long = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer().map(BigInt), fc.constant(1n));

const scalars: readonly fc.Arbitrary<Drawn>[] = [
  fc.constant({ schema: "null", value: fc.constant({ avro: null, json: "null" }) }),
  fc.constant({ schema: "boolean", value: fc.boolean().map((avro) => ({ avro, json: String(avro) })) }),
  fc.constant({ schema: "int", value: fc.integer().map(numberOf) }),
  fc.constant({ schema: "long", value: long.map((avro) => ({ avro, json: String(avro) })) }),
  fc.constant({ schema: "float", value: fc.float({ noNaN: true, noDefaultInfinity: true }).map(numberOf) }),
  fc.constant({ schema: "double", value: double.map(numberOf) }),
  fc.constant({ schema: "string", value: text.map(quoted) }),
  fc.constant({
    schema: "bytes",
    value: fc.string({ unit: anyCharacter, maxLength: 40 }).map((written) => ({
      avro: Buffer.from(written),
      json: JSON.stringify(written),
    })),
  }),
];

let names = 0;

const named: readonly fc.Arbitrary<Drawn>[] = [
  fc.integer({ min: 1, max: 5 }).map((size) => ({
    schema: { type: "fixed", name: `fixed${names++}`, size },
    value: fc.string({ unit: "grapheme-ascii", minLength: size, maxLength: size }).map((written) => ({
      avro: Buffer.from(written),
      json: JSON.stringify(written),
    })),
  })),
  fc.integer({ min: 1, max: 4 }).map((count) => {
    const symbols = Array.from({ length: count }, (_, i) => `SYMBOL_${i}`);
    return {
      schema: { type: "enum", name: `enum${names++}`, symbols },
      value: fc.constantFrom(...symbols).map(quoted),
    };
  }),
];

function list({ schema, value }: Drawn): Drawn {
  return {
    schema: { type: "array", items: schema },
    value: fc.array(value, { maxLength: 5 }).map((items) => ({
      avro: items.map(({ avro }) => avro),
      json: `[${items.map(({ json }) => json).join()}]`,
    })),
  };
}

const keys = fc.oneof(
  fc.constantFrom("a", "b", "f0", "f1", "a.b"),
  fc.string({ maxLength: 5 }).filter((key) => key !== "__proto__"),
);

function map({ schema, value }: Drawn): Drawn {
  return {
    schema: { type: "map", values: schema },
    value: fc.uniqueArray(fc.tuple(keys, value), { maxLength: 4, selector: ([key]) => key }).map((entries) => {
      const avro = Object.fromEntries(entries.map(([key, item]) => [key, item.avro]));
      const written = new Map(entries.map(([key, { json }]) => [key, json]));
      // Object.fromEntries orders keys that are whole numbers first.
      const members = Object.keys(avro).map((key) => `${JSON.stringify(key)}:${written.get(key)}`);
      return { avro, json: `{${members.join()}}` };
    }),
  };
}

export const branchName = (schema: Schema): string => {
  if (typeof schema === "string") return schema;
  const { name, type } = schema as { name?: string; type: string };
  return name ?? type;
};

function union(branches: readonly Drawn[]): Drawn {
  const values = branches.map(({ schema, value }) =>
    value.map(({ avro, json }) => ({ avro: avro === null ? null : { [branchName(schema)]: avro }, json })),
  );
  return { schema: branches.map(({ schema }) => schema), value: fc.oneof(...values) };
}

export function record(fields: readonly Drawn[]): Drawn {
  return {
    schema: {
      type: "record",
      name: `record${names++}`,
      fields: fields.map(({ schema }, i) => ({ name: `f${i}`, type: schema })),
    },
    value: fc.tuple(...fields.map(({ value }) => value)).map((values) => ({
      avro: Object.fromEntries(values.map(({ avro }, i) => [`f${i}`, avro])),
      json: `{${values.map(({ json }, i) => `"f${i}":${json}`).join()}}`,
    })),
  };
}

function drawn(depth: number): fc.Arbitrary<Drawn> {
  const simple = fc.oneof(...scalars, ...named);
  if (depth === 0) return simple;
  const inner = drawn(depth - 1);
  const optional = inner
    .filter(({ schema }) => !Array.isArray(schema) && schema !== "null")
    .map((one) => {
      const none: Drawn = { schema: "null", value: fc.constant({ avro: null, json: "null" }) };
      return union(names % 2 ? [none, one] : [one, none]);
    });
  const several = fc.uniqueArray(fc.oneof(...scalars), {
    minLength: 2,
    maxLength: 4,
    selector: ({ schema }) => branchName(schema),
  });
  return fc.oneof(
    { weight: 3, arbitrary: simple },
    inner.map(list),
    inner.map(map),
    { weight: 2, arbitrary: optional },
    several.map(union),
    fc.array(inner, { maxLength: 4 }).map(record),
  );
}

/** A record's schema, and some values of it. */
export const drawnRecords = fc
  .array(drawn(2), { minLength: 1, maxLength: 6 })
  .map((fields) => record([{ schema: "int", value: fc.constantFrom(0, 1).map(numberOf) }, ...fields]))
  .chain(({ schema, value }) => fc.array(value, { minLength: 1, maxLength: 6 }).map((values) => ({ schema, values })));

const longs = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b)),
});

/** The oracle's type of a schema, with longs as bigints. */
export const avscType = (schema: Schema): avsc.Type =>
  avsc.Type.forSchema(schema as avsc.Schema, { registry: { long: longs }, wrapUnions: true });
