import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Decimal,
  Dictionary,
  Field,
  Int32,
  LargeUtf8,
  List,
  Map_,
  makeData,
  Struct,
  Table,
  tableToIPC,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { openArrow } from "../../../src/sources/files/arrow.js";
import { MetadataCheck } from "../../../src/sources/files/arrow-metadata.js";
import { readHead } from "../../../src/sources/files/fingerprint.js";
import { inputsOf } from "../../../src/sources/files/inputs.js";
import { openParquet } from "../../../src/sources/files/parquet.js";
import { rowsDamaged } from "../../../src/sources/files/rows-reader.js";
import { temporary } from "../../e2e/hashbrook.js";
import { readAll, rowsOf } from "./written-rows.js";

// Written by pyarrow, of the rows of the Parquet fixtures: fixtures/parquet/make.py.
const FIXTURES = "test/fixtures/arrow";
const lines = readFileSync("test/fixtures/parquet/rows.jsonl", "utf8");

/** All of a file, which has then been read to its end. */
async function contentOf(file: string, offset = 0, row = 0): Promise<string> {
  const reader = await openArrow(file, file, offset, row);
  const text = await readAll(reader);
  expect(reader.consumed).toBe(readFileSync(file).length);
  return text;
}

/** In pyarrow's metadata of a record batch: its type (3, at 1) and version. */
const RECORD_BATCH = Buffer.from([0, 3, 4, 0, 0x18]);

describe("an Arrow file", () => {
  it.each(["plain.arrow", "lz4.arrow", "zstd.arrow", "default.feather", "stream.arrows"])(
    "%s is read as pyarrow wrote it",
    async (file) => {
      expect(rowsOf(await contentOf(join(FIXTURES, file)))).toEqual(rowsOf(lines));
    },
  );

  it("has the lines of the same Parquet file, decimals as numbers and bytes as text", async () => {
    const parquet = "test/fixtures/parquet/exact.parquet";
    expect(await contentOf(join(FIXTURES, "exact.arrow"))).toBe(await readAll(await openParquet(parquet, parquet, 0)));
  });

  it("has members and keys of any name: of a map's key `size` the value was the number of its keys", async () => {
    const rows = (await contentOf(join(FIXTURES, "names.arrow"))).trimEnd().split("\n");
    expect(rows).toEqual(
      [true, false].map(
        (label, i) =>
          `{"label":${label},"__proto__":"p${i}","constructor":"c${i}","site":{"constructor":${i},"toString":"s"},` +
          `"attributes":{"size":${i},"constructor":7},"inner":{"__proto__":${i},"id":3}}`,
      ),
    );
  });

  it("is resumed in the middle of a row, and identified by its first bytes", async () => {
    const file = join(FIXTURES, "zstd.arrow");
    const whole = await contentOf(file);
    for (const offset of [1, 40_000, whole.length]) expect(await contentOf(file, offset)).toBe(whole.slice(offset));
    await expect(contentOf(file, whole.length + 1)).rejects.toMatchObject({ code: "source_changed" });
    const [input] = inputsOf(file, ".");
    expect(Buffer.from(await readHead(input, 50_000)).toString()).toBe(whole.slice(0, 50_000));
  });

  it.each(["zstd.arrow", "stream.arrows"])("%s is resumed at a row", async (name) => {
    const file = join(FIXTURES, name);
    const rows = (await contentOf(file)).trimEnd().split("\n");
    for (const row of [1, 199, 200, 201, 450, rows.length])
      expect(await contentOf(file, 0, row)).toBe(
        rows
          .slice(row)
          .map((line) => `${line}\n`)
          .join(""),
      );
    await expect(contentOf(file, 0, rows.length + 1)).rejects.toMatchObject({ code: "source_changed" });
  });

  it("with a type that apache-arrow does not know is reported as such", () => {
    // As apache-arrow says it of run-end encoded columns (22).
    const error = rowsDamaged(
      "a.arrow",
      "cannot be read",
      "lz4, zstd",
      new Error('Unrecognized type: "undefined" (22)'),
    );
    expect(error.hint).toMatch(/^a column has a type that cannot be read, such as run ends/);
  });

  it("that is invalid, truncated or damaged is reported", async () => {
    const folder = temporary();
    const [none, cut, flipped] = ["none.arrow", "cut.arrow", "flipped.arrow"].map((name) => join(folder, name));
    writeFileSync(none, "label,user\n1,2\n");
    for (const file of [cut, flipped]) cpSync(join(FIXTURES, "zstd.arrow"), file);
    truncateSync(cut, 5000);
    const bytes = readFileSync(flipped);
    bytes.fill(0xff, 2000, 2400);
    writeFileSync(flipped, bytes);
    for (const file of [none, cut, flipped])
      await expect(contentOf(file)).rejects.toMatchObject({
        code: "source_unreadable",
        message: expect.stringContaining(file),
        hint: expect.stringContaining("lz4, zstd"),
      });
    await expect(contentOf(join(folder, "missing.arrow"))).rejects.toMatchObject({ code: "source_missing" });
  });

  it("that was cut where a record batch ends, before its footer, is reported", async () => {
    const file = join(temporary(), "cut.arrow");
    cpSync(join(FIXTURES, "plain.arrow"), file);
    const footer = readFileSync(file).readInt32LE(readFileSync(file).length - 10);
    truncateSync(file, readFileSync(file).length - 10 - footer);
    await expect(contentOf(file)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("the footer at its end is missing"),
    });
  });

  it("that becomes shorter while it is read is reported, and reading ends", async () => {
    const file = join(temporary(), "shorter.arrow");
    cpSync(join(FIXTURES, "plain.arrow"), file);
    const reader = await openArrow(file, file, 0);
    truncateSync(file, 100);
    await expect(readAll(reader)).rejects.toMatchObject({
      code: "source_unreadable",
      message: `${file}: became shorter while it was read`,
    });
  });

  it("whose footer points at what is no record batch is reported, and reading ends", async () => {
    const file = join(temporary(), "header.arrow");
    const bytes = readFileSync(join(FIXTURES, "plain.arrow"));
    for (let at = bytes.indexOf(RECORD_BATCH); at >= 0; at = bytes.indexOf(RECORD_BATCH, at + 1)) bytes[at + 1] = 0;
    writeFileSync(file, bytes);
    await expect(contentOf(file)).rejects.toMatchObject({ code: "source_unreadable" });
  });

  it("of Feather's first version is reported as such", async () => {
    const file = join(temporary(), "old.feather");
    writeFileSync(file, `FEA1${" ".repeat(400)}FEA1`);
    await expect(contentOf(file)).rejects.toMatchObject({
      message: `${file}: not an Arrow IPC file: the file is Feather version 1`,
      hint: expect.stringMatching(/^write version 2/),
    });
  });

  it("has the values of a dictionary with indices of 64 bits", async () => {
    expect(await contentOf(join(FIXTURES, "dictionary-64.arrow"))).toBe(
      '{"signed":"a","unsigned":"a"}\n{"signed":"b","unsigned":"b"}\n{}\n{"signed":"a","unsigned":"a"}\n',
    );
  });

  it("keeps a U+FEFF that a text begins with, at any depth, in dictionaries, and as a key: it was lost", async () => {
    const [text, list] = ["\ufeffa", ["\ufeffb", "c"]];
    const tags = new Field("item", new Utf8(), true);
    const entry = new Struct([new Field("key", new Utf8(), false), new Field("value", new Utf8(), true)]);
    const columns = {
      plain: vectorFromArray([text, "b"], new Utf8()),
      large: vectorFromArray([text, "b"], new LargeUtf8()),
      dictionary: vectorFromArray([text, text], new Dictionary(new Utf8(), new Int32())),
      list: vectorFromArray([list, []], new List(tags)),
      struct: vectorFromArray([{ x: text }, { x: "b" }], new Struct([new Field("x", new Utf8(), true)])),
      map: vectorFromArray([new Map([[text, text]]), new Map()], new Map_(new Field("entries", entry as never, false))),
    };
    const file = join(temporary(), "marks.arrow");
    writeFileSync(file, tableToIPC(new Table(columns), "file"));
    const [first] = rowsOf(await contentOf(file));
    const nested = { list, struct: { x: text }, map: { [text]: text } };
    expect(first).toEqual({ plain: text, large: text, dictionary: text, ...nested });
  });

  it("has decimals as JSON reads their text: they were divided as doubles, which rounds twice", async () => {
    const values = [9_007_199_254_740_993n, 123_456_789_012_345_678_901_234n, 3n, -7n];
    const words = new Uint32Array(new BigInt64Array(values.flatMap((x) => [x, x >> 64n])).buffer);
    const type = new Decimal(23, 38, 128);
    const data = makeData({ type, length: values.length, nullCount: 0, data: words });
    const file = join(temporary(), "decimals.arrow");
    writeFileSync(file, tableToIPC(new Table({ x: new Vector([data]) }), "file"));
    const found = (await contentOf(file)).trimEnd().split("\n");
    const texts = values.map(
      (x) =>
        `${x < 0n ? "-" : ""}${String(x < 0n ? -x : x)
          .padStart(24, "0")
          .replace(/.{23}$/, ".$&")}`,
    );
    expect(found.map((line) => JSON.parse(line).x)).toEqual(texts.map(Number));
    const halved = values.filter((x, i) => Number(x) / 10 ** 23 !== Number(texts[i]));
    expect(halved).not.toEqual([]);
  });

  describe.each(["plain.arrow", "stream.arrows"])("with damaged metadata (%s)", (name) => {
    const whole = readFileSync(join(FIXTURES, name));
    /** Where the metadata of messages are: behind the mark of one and its length, and at the file's end. */
    const places = [...whole.keys()].flatMap((at) => {
      const length =
        at % 8 === 0 && whole.readUInt32LE(Math.min(at, whole.length - 8)) === 0xffffffff
          ? whole.readUInt32LE(Math.min(at + 4, whole.length - 4))
          : 0;
      return length > 0 && length < 2000 ? [[at + 8, at + 8 + length]] : [];
    });
    const footer =
      name === "plain.arrow" ? [[whole.length - 10 - whole.readInt32LE(whole.length - 10), whole.length - 10]] : [];

    it("is refused where a list is longer than they are: the library read it for ever", {
      timeout: 120_000,
    }, async () => {
      const folder = temporary();
      let refused = 0;
      for (const [from, end] of [places[0], places[1], ...footer])
        for (let at = from; at < end; at += 4) {
          const small = whole.readUInt32LE(at);
          if (small === 0 || small > 40) continue;
          const bytes = Buffer.from(whole);
          bytes.writeUInt32LE(0x7fffffff, at);
          const file = join(folder, `${at}-${name}`);
          writeFileSync(file, bytes);
          const outcome = await contentOf(file).then(
            () => "read",
            (error: { code: string; message: string }) => `${error.code} ${error.message}`,
          );
          if (outcome !== "read") expect(outcome).toMatch(/^source_unreadable/);
          refused += Number(/longer than the metadata/.test(outcome));
        }
      expect(refused).toBeGreaterThan(3);
    });
  });

  it("whose numbers are big-endian is refused: they were read in the wrong order", () => {
    /** A message with a schema of which only the endianness is written. */
    const message = (endianness: number) => {
      const bytes = Buffer.alloc(44);
      bytes.writeUInt32LE(16, 0);
      [10, 12, 0, 8, 4].forEach((value, i) => void bytes.writeUInt16LE(value, 4 + 2 * i));
      for (const [value, at] of [
        [12, 16],
        [16, 20],
        [1, 24],
        [8, 36],
        [endianness, 40],
      ])
        bytes.writeInt32LE(value, at);
      [6, 8, 4].forEach((value, i) => void bytes.writeUInt16LE(value, 28 + 2 * i));
      return bytes;
    };
    const read = (endianness: number) => {
      const check = new MetadataCheck();
      check.read(Buffer.from(Uint32Array.of(44).buffer), 0);
      check.read(message(endianness), 4);
    };
    expect(() => read(0)).not.toThrow();
    expect(() => read(1)).toThrow(/big-endian/);
  });
});
