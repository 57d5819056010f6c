import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Files, nodeFiles } from "../../../src/core/files.js";
import { openAvro } from "../../../src/sources/files/avro-container.js";
import { readHead } from "../../../src/sources/files/fingerprint.js";
import { inputsOf } from "../../../src/sources/files/inputs.js";
import { avscType, drawnRecords, type Schema } from "../../decode/avro-values.js";
import { digests, report, temporary } from "../../e2e/hashbrook.js";
import fc from "../../properties.js";
import { readAll } from "./written-rows.js";

const contentOf = async (file: string, offset = 0, row = 0): Promise<string> =>
  readAll(await openAvro(file, file, offset, row));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = 2 * value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.of(...bytes, rest);
}
const sized = (bytes: Buffer) => Buffer.concat([varint(bytes.length), bytes]);
const u32 = (value: number, little: boolean) => {
  const bytes = Buffer.alloc(4);
  little ? bytes.writeUInt32LE(value) : bytes.writeUInt32BE(value);
  return bytes;
};

/** Compresses a block; snappy and zstd with literals only, which is valid output of a compressor. */
const codecs: Record<string, (block: Buffer) => Buffer> = {
  null: (block) => block,
  deflate: (block) => deflateRawSync(block),
  snappy: (block) => {
    const size: number[] = [];
    for (let rest = block.length; size.push(rest > 127 ? (rest & 127) | 128 : rest) && rest > 127; ) rest >>= 7;
    const pieces = Array.from({ length: Math.ceil(block.length / 60) }, (_, i) => block.subarray(60 * i, 60 * i + 60));
    const literals = pieces.flatMap((piece) => [Buffer.of((piece.length - 1) << 2), piece]);
    return Buffer.concat([Buffer.from(size), ...literals, u32(crc32(block), false)]);
  },
  zstandard: (block) => {
    const head = u32(1 + (block.length << 3), true).subarray(0, 3);
    return Buffer.concat([u32(0xfd2fb528, true), Buffer.of(0xa0), u32(block.length, true), head, block]);
  },
};

const SYNC = Buffer.from("0123456789abcdef");

function container(schema: Schema, codec: string, blocks: readonly (readonly Buffer[])[]): Buffer {
  const metadata = [
    Buffer.from("avro.schema"),
    Buffer.from(JSON.stringify(schema)),
    Buffer.from("avro.codec"),
    Buffer.from(codec),
  ];
  const written = blocks.map((records) => [varint(records.length), sized(codecs[codec](Buffer.concat(records))), SYNC]);
  return Buffer.concat([Buffer.from("Obj\x01"), varint(2), ...metadata.map(sized), varint(0), SYNC, ...written.flat()]);
}

describe("an Avro file", () => {
  it.each(Object.keys(codecs))(
    "compressed by %s is read as the JSON of the values that avsc encoded",
    async (codec) => {
      const file = join(temporary(), "drawn.avro");
      await fc.assert(
        fc.asyncProperty(
          fc.array(drawnRecords, { minLength: 1, maxLength: 1 }),
          fc.nat(2),
          async ([{ schema, values }], empty) => {
            const type = avscType(schema);
            const records = values.map(({ avro }) => type.toBuffer(avro));
            const blocks = [records, ...Array.from({ length: empty }, () => []), records.slice(1), records];
            writeFileSync(file, container(schema, codec, blocks));
            const lines = values.map(({ json }) => `${json}\n`);
            expect(await contentOf(file)).toBe([...lines, ...lines.slice(1), ...lines].join(""));
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  const schema = {
    type: "record",
    name: "Click",
    fields: [
      { name: "label", type: "int" },
      { name: "at", type: { type: "long", logicalType: "timestamp-micros" } },
      { name: "price", type: { type: "bytes", logicalType: "decimal", precision: 9, scale: 2 } },
      { name: "next", type: ["null", "Click"] },
    ],
  };
  /** A click at -1 µs for -1.00, and the one next to it. */
  const record = Buffer.from("0201029c020000020100", "hex");
  const file = (codec = "deflate", blocks = 4) => {
    const path = join(temporary(), "clicks.avro");
    writeFileSync(
      path,
      container(
        schema,
        codec,
        Array.from({ length: blocks }, () => Array(2000).fill(record)),
      ),
    );
    return path;
  };
  const LINE = '{"label":1,"at":-0.001,"price":-1,"next":{"label":0,"at":0,"price":0.01,"next":null}}\n';

  it("has decimals of 38 places as numbers", async () => {
    const decimal = { type: "fixed", name: "Price", size: 32, logicalType: "decimal", precision: 76, scale: 38 };
    const path = join(temporary(), "big.avro");
    const records = [125n * 10n ** 37n, -5n].map((value) =>
      Buffer.from(BigInt.asUintN(256, value).toString(16).padStart(64, "0"), "hex"),
    );
    const sale = { type: "record", name: "Sale", fields: [{ name: "price", type: decimal }] };
    writeFileSync(path, container(sale, "null", [records]));
    expect(await contentOf(path)).toBe(`{"price":12.5}\n{"price":-0.${"5".padStart(38, "0")}}\n`);
  });

  it("is resumed in the middle of a row, and identified by its first rows", async () => {
    const path = file();
    const whole = await contentOf(path);
    expect(whole.length).toBe(LINE.length * 8000);
    expect(whole.startsWith(LINE)).toBe(true);
    for (const offset of [1, 100_000, whole.length]) expect(await contentOf(path, offset)).toBe(whole.slice(offset));
    await expect(contentOf(path, whole.length + 1)).rejects.toMatchObject({ code: "source_changed" });
    const [input] = inputsOf(path, "/");
    expect(Buffer.from(await readHead(input, 5000)).toString()).toBe(whole.slice(0, 5000));
  });

  it("is resumed at a row, reading only counts and sync markers of earlier blocks", async () => {
    const path = file("deflate", 20);
    const rows = (await contentOf(path)).split("\n").slice(0, -1);
    for (const row of [1, 1999, 2000, 2001, 6000, 38_001, 40_000]) {
      const offset = LINE.length * row;
      expect(await contentOf(path, offset, row)).toBe(rows.slice(row).join("\n") + (row < 40_000 ? "\n" : ""));
    }
    await expect(contentOf(path, 0, 40_001)).rejects.toMatchObject({
      code: "source_changed",
      message: expect.stringContaining("ends at row 40000, but reading continues at row 40001"),
    });
  });

  it("that is resumed near its end is not read from its beginning", async () => {
    const path = file("null", 100);
    const { size } = statSync(path);
    const read: { position: number; count: number }[] = [];
    const counting: Files = {
      ...nodeFiles,
      read(handle, target, position) {
        const count = nodeFiles.read(handle, target, position);
        read.push({ position, count });
        return count;
      },
    };
    const reader = await openAvro(path, path, LINE.length * 198_500, 198_500, counting);
    expect(await readAll(reader)).toBe(LINE.repeat(1500));
    const header = 1 << 16;
    const bytes = read.reduce((sum, { count }) => sum + count, 0);
    expect(bytes).toBeLessThan(header + 100 * (20 + 16) + size / 100 + 100);
    expect(Math.max(...read.filter(({ position }) => position < size * 0.98).map(({ count }) => count))).toBe(header);
  });

  it("with damage between two blocks is reported, also when earlier blocks are skipped", async () => {
    const path = file("null", 3);
    const bytes = readFileSync(path);
    bytes.fill(0, bytes.indexOf(SYNC, 400), bytes.indexOf(SYNC, 400) + 4);
    writeFileSync(path, bytes);
    await expect(contentOf(path, LINE.length * 4000, 4000)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringMatching(/block 1 cannot be read: sync marker does not match/),
    });
  });

  it("trains the same model when stopped and resumed after every batch", async () => {
    const folder = temporary();
    const [model, data] = [join(folder, "clicks.yaml"), join(folder, "clicks.avro")];
    writeFileSync(
      model,
      `name: clicks
events: { format: json }
label: { field: label, time: at }
fields:
  - { name: price, type: categorical, table: t }
  - { name: next, from: next.label, type: categorical, table: t }
tables: { t: { rows: 4096, dim: 1 } }
tower: lr
train: { batch: 400 }
`,
    );
    // One has no time and is rejected, but it still counts as a row.
    const click = (n: number) =>
      Buffer.concat([varint(n % 3 === 0 ? 1 : 0), varint(n === 700 ? 0 : n + 1), sized(Buffer.of(n % 97)), varint(0)]);
    const blocks = Array.from({ length: 3 }, (_, b) => Array.from({ length: 500 }, (_, i) => click(b * 500 + i)));
    writeFileSync(data, container(schema, "snappy", blocks));
    const train = (name: string, ...more: string[]) =>
      report(["train", "--model", model, "--data", data, "--out", join(folder, name), ...more]);
    await train("whole");
    for (let end = 400; end < 1499; end += 400) await train("parts", "--resume", "--limit", String(end));
    expect(await train("parts", "--resume")).toMatchObject({ examples: 1499, rejected: 1 });
    expect(digests(join(folder, "parts"))).toEqual(digests(join(folder, "whole")));
  });

  it.each([70_000, 1_100_000])("with %i letters in its schema is read", async (length) => {
    const path = file();
    writeFileSync(path, container({ ...schema, doc: "d".repeat(length) }, "null", [[record]]));
    expect(await contentOf(path)).toBe(LINE);
  });

  it("that is truncated, damaged or of another format is reported with the block", async () => {
    const path = file("snappy");
    const bytes = readFileSync(path);
    const damage = async (change: (bytes: Buffer) => Uint8Array, message: RegExp) => {
      writeFileSync(path, change(Buffer.from(bytes)));
      await expect(contentOf(path)).rejects.toMatchObject({
        code: "source_unreadable",
        message: expect.stringMatching(message),
      });
    };
    await damage((all) => all.subarray(0, -5), /clicks\.avro: block 4 cannot be read: the file is truncated/);
    await damage((all) => all.fill(0, all.length - 40, all.length - 30), /block 4 cannot be read: checksum mismatch/);
    await damage((all) => all.fill(0, all.length - 4), /block 4 cannot be read: sync marker does not match/);
    await damage((all) => all.fill(0, 0, 4), /cannot read the Avro header: no Avro magic bytes/);
    await damage((all) => all.subarray(0, 30), /cannot read the Avro header/);
    writeFileSync(path, container(schema, "null", [[record, Buffer.of(0)]]));
    await expect(contentOf(path)).rejects.toMatchObject({ message: expect.stringContaining("block 1 cannot be read") });
  });

  it("with any byte changed gives rows or an error", async () => {
    const path = file("null", 1);
    const small = container(schema, "null", [[record, record]]);
    let rows = 0;
    for (let at = 0; at < small.length; at++) {
      for (const value of [0, 127, 255]) {
        const bytes = Buffer.from(small);
        bytes[at] = value;
        writeFileSync(path, bytes);
        const read = await contentOf(path).catch((error: { code: string }) => error.code);
        if (read.endsWith("}\n")) rows++;
        else expect(["source_unreadable", ""]).toContain(read);
      }
    }
    expect(rows).toBeGreaterThan(100);
  });
});
