import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openArrow } from "../../../src/sources/files/arrow.js";
import { readHead } from "../../../src/sources/files/fingerprint.js";
import { inputsOf } from "../../../src/sources/files/inputs.js";
import { openParquet } from "../../../src/sources/files/parquet.js";
import { report, temporary } from "../../e2e/hashbrook.js";
import { readAll, rowsOf } from "./written-rows.js";

const FIXTURES = "test/fixtures/parquet";
const lines = readFileSync(join(FIXTURES, "rows.jsonl"), "utf8");
const ROWS = 600;

const contentOf = async (file: string, offset = 0, row = 0): Promise<string> =>
  readAll(await openParquet(file, file, offset, row));

describe("a Parquet file", () => {
  it.each(["none", "snappy", "gzip", "zstd", "brotli", "lz4"])(
    "compressed by %s is read as pyarrow wrote it",
    async (codec) => {
      expect(rowsOf(await contentOf(join(FIXTURES, `${codec}.parquet`)))).toEqual(rowsOf(lines));
    },
  );

  it("is resumed in the middle of a row", async () => {
    const file = join(FIXTURES, "zstd.parquet");
    const whole = await contentOf(file);
    for (const offset of [1, 40_000, whole.length]) expect(await contentOf(file, offset)).toBe(whole.slice(offset));
    await expect(contentOf(file, whole.length + 1)).rejects.toMatchObject({ code: "source_changed" });
  });

  it("is resumed at a row without reading earlier row groups", async () => {
    const bytes = readFileSync(join(FIXTURES, "zstd.parquet"));
    const file = join(temporary(), "rows.parquet");
    writeFileSync(file, bytes);
    const rows = (await contentOf(file)).trimEnd().split("\n");
    const behind = (row: number) => rows.slice(row).map((line) => `${line}\n`);
    for (const row of [1, 199, 200, 201, 450, ROWS]) expect(await contentOf(file, 0, row)).toBe(behind(row).join(""));
    await expect(contentOf(file, 0, ROWS + 1)).rejects.toMatchObject({ code: "source_changed" });
    bytes.fill(0xff, 10, 60);
    writeFileSync(file, bytes);
    expect(await contentOf(file, 0, 300)).toBe(behind(300).join(""));
  });

  it("is identified by decoding only its first rows, whatever follows in the row group", async () => {
    const whole = await contentOf(join(FIXTURES, "long.parquet"));
    expect(whole).toBe(
      Array.from({ length: 3000 }, (_, n) => `${JSON.stringify({ label: n % 3 === 0, n })}\n`).join(""),
    );
    const file = join(temporary(), "long.parquet");
    const bytes = readFileSync(join(FIXTURES, "long.parquet"));
    // The pages of the last column end where the footer begins, whose size is stored before the last four bytes.
    const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    bytes.fill(0xff, footer - 1500, footer);
    writeFileSync(file, bytes);
    const [input] = inputsOf(file, "/");
    expect(Buffer.from(await readHead(input, 10_000)).toString()).toBe(whole.slice(0, 10_000));
    await expect(contentOf(file)).rejects.toMatchObject({ message: expect.stringContaining("row group 1 of 1") });
  });

  it.each(["exact.parquet", "exact-integers.parquet"])(
    "keeps the digits of whole decimals: ids of NUMBER(38, 0) beyond 2^53 were rounded, so that two were one (%s)",
    async (file) => {
      const rows = (await contentOf(join(FIXTURES, file))).trimEnd().split("\n");
      expect(rows.map((row) => /^{"label":\w+,"id":(-?[^,]+)/.exec(row)?.[1])).toEqual([
        ...["9007199254740992", "9007199254740993", undefined, "-9223372036854775808"],
        ...["10000000000000000000000000000000000000", "0"],
      ]);
      expect(rows.map((row) => /"id_18":([^,]+)/.exec(row)?.[1])).toEqual([
        ...["9007199254740992", "9007199254740993", undefined, "776627963145224192", "0", "0"],
      ]);
      const [first, second] = rows.map((row) => JSON.parse(row));
      expect(first).toMatchObject({ price: 1.5, wide: 1.5, bids: [1.5], site: { id: 7, price: 1.5 }, by: { a: 1.5 } });
      expect(second).toMatchObject({ price: -0.07, wide: -0.07, bids: [-0.07], by: { a: -0.07 } });
    },
  );

  it("has bytes as text, also those of a fixed length", async () => {
    const rows = (await contentOf(join(FIXTURES, "exact.parquet")))
      .trimEnd()
      .split("\n")
      .map((row) => JSON.parse(row));
    expect(rows.map(({ four }) => four)).toEqual(["abcd", undefined, "0000", "\ufffd".repeat(4), "wxyz", "    "]);
    expect(rows.map(({ bytes }) => bytes)).toEqual(["ab", "\ufffd\u0000", undefined, "", "é", "x"]);
  });

  it("has columns of JSON as they were written, with ids beyond 2^53 in them not rounded", async () => {
    expect((await contentOf(join(FIXTURES, "json.parquet"))).trimEnd().split("\n")).toEqual([
      '{"event":{"id": 9007199254740993, "price": 1.10}}',
      '{"event":{   "id": 1  }}',
      "{}",
      '{"event":null}',
      '{"event":["a\\nb", 0.5]}',
    ]);
  });

  it("keeps U+FEFF at the beginning of a text, so that it has the same key as in JSON", async () => {
    const rows = (await contentOf(join(FIXTURES, "marked.parquet"))).trimEnd().split("\n");
    const texts = ["\ufeffa", "a", "\ufeff", "b\ufeff"];
    expect(rows).toEqual(texts.map((a, i) => JSON.stringify({ a, some: texts[i % 2], bytes: a })));
  });

  it("with a row group of more than 512 MiB of lines is read: it ended with `Invalid string length`", async () => {
    const reader = await openParquet("", join(FIXTURES, "large-group.parquet"), 0);
    const target = new Uint8Array(1 << 20);
    const [bytes, ends] = [[] as number[], [] as number[]];
    for (let count = await reader.read(target); count > 0; count = await reader.read(target)) {
      bytes.push(count);
      for (let at = target.indexOf(10); at >= 0 && at < count; at = target.indexOf(10, at + 1)) ends.push(at);
    }
    reader.close();
    // {"label":false,"text":"x…"}
    expect(bytes.reduce((sum, count) => sum + count)).toBe(600 * 1_000_026 - 200);
    expect(ends).toHaveLength(600);
  });

  it("keeps keys of maps whatever they are: one of `__proto__` was lost, and bytes were a list of numbers", async () => {
    const rows = (await contentOf(join(FIXTURES, "keys.parquet"))).trimEnd().split("\n");
    expect(rows.map((row) => /"tags":(\{[^}]*\})/.exec(row)?.[1])).toEqual([
      ...['{"a":1,"__proto__":2}', '{"__proto__":3}', "{}", undefined],
      '{"constructor":4,"a":5}',
    ]);
    expect(rows.map((row) => /"site":(\[.*\]),"bytes"/.exec(row)?.[1])).toEqual([
      ...['[{"by":{"__proto__":{"price":123456789012345.02}}}]', "[]", undefined],
      ...['[null,{"by":{}},{}]', '[{"by":{}}]'],
    ]);
    expect(rows.map((row) => JSON.parse(row).bytes)).toEqual([0, 1, 2, 3, 4].map((i) => ({ é: i })));
  });

  it("has decimals as JSON reads their text, also in lists: they were divided as doubles, which rounds twice", async () => {
    const rows = (await contentOf(join(FIXTURES, "keys.parquet"))).trimEnd().split("\n");
    const texts = ["9007199254740993.7", "0.3", "-9007199254740992.9", "0.0", "123456789012345678.9"];
    expect(Number("-90071992547409929") / 10).not.toBe(Number(texts[2]));
    for (const [i, row] of rows.entries())
      expect(JSON.parse(row)).toMatchObject({ price: Number(texts[i]), prices: [Number(texts[i])] });
  });

  it("with a column of durations (INTERVAL, DuckDB) is read: it was refused, although no field read them", async () => {
    const rows = rowsOf(await contentOf(join(FIXTURES, "interval.parquet")));
    expect(rows.map((row) => (row as { took?: unknown }).took ?? null)).toEqual([
      { months: 0, days: 1, ms: 0 },
      { months: 1, days: 2, ms: 1500 },
      null,
      { months: 3, days: 4, ms: 4500 },
    ]);
    expect(rows.map((row) => (row as { item: string }).item)).toEqual(["s0", "s1", "s2", "s3"]);
  });

  it("has columns of any name; a struct's member __proto__ is refused", async () => {
    const arrow = await readAll(await openArrow("names", "test/fixtures/arrow/names.arrow", 0));
    expect(await contentOf(join(FIXTURES, "names.parquet"))).toBe(arrow.replaceAll(/,"inner":{[^}]*}/g, ""));
    await expect(contentOf(join(FIXTURES, "names-lost.parquet"))).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("inner.__proto__: a member of a struct cannot be named __proto__"),
    });
  });

  it("that is truncated or damaged is reported with the row group", async () => {
    const folder = temporary();
    const [cut, flipped] = [join(folder, "cut.parquet"), join(folder, "flipped.parquet")];
    for (const file of [cut, flipped]) cpSync(join(FIXTURES, "zstd.parquet"), file);
    truncateSync(cut, 5000);
    await expect(contentOf(cut)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringMatching(/cut\.parquet: cannot read the Parquet footer/),
    });
    const bytes = readFileSync(flipped);
    bytes.fill(0xff, 10, 60);
    writeFileSync(flipped, bytes);
    await expect(contentOf(flipped)).rejects.toMatchObject({
      message: expect.stringContaining("flipped.parquet: row group 1 of 3"),
    });
  });

  it.each(["checksums-1.0.parquet", "checksums-2.0.parquet"])(
    "with checksums is compared with them: a flipped byte was learned as another value (%s)",
    async (name) => {
      const bytes = readFileSync(join(FIXTURES, name));
      expect(rowsOf(await contentOf(join(FIXTURES, name)))).toEqual(rowsOf(lines));
      const file = join(temporary(), "flipped.parquet");
      const price = Buffer.alloc(8);
      // Of the first and of the last row group.
      for (const row of [101, 590]) {
        price.writeDoubleLE(row / 8);
        const at = bytes.indexOf(price);
        expect(at).toBeGreaterThan(0);
        const flipped = Buffer.from(bytes);
        flipped[at + 5] ^= 1;
        writeFileSync(file, flipped);
        await expect(contentOf(file)).rejects.toMatchObject({
          code: "source_unreadable",
          message: expect.stringMatching(/row group [13] of 3 .*checksum/),
        });
      }
    },
  );

  it("of 0 bytes is reported as empty", async () => {
    const empty = join(temporary(), "empty.parquet");
    writeFileSync(empty, "");
    await expect(contentOf(empty)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("the file is empty: 0 bytes"),
      hint: expect.stringContaining("a schema"),
    });
  });

  it("that is encrypted is reported as such", async () => {
    const encrypted = join(temporary(), "encrypted.parquet");
    const bytes = readFileSync(join(FIXTURES, "none.parquet"));
    for (const at of [0, bytes.length - 4]) bytes.write("PARE", at, "latin1");
    writeFileSync(encrypted, bytes);
    await expect(contentOf(encrypted)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("the file is encrypted"),
      hint: "keys are not supported: write it without encryption",
    });
  });

  it("whose columns are encrypted and whose footer is not is reported as such", async () => {
    await expect(contentOf(join(FIXTURES, "encrypted-column.parquet"))).rejects.toMatchObject({
      message: expect.stringContaining("columns of the file are encrypted"),
      hint: "keys are not supported: write it without encryption",
    });
  });

  it("that becomes shorter while it is read is reported, instead of being filled with zeros", async () => {
    const file = join(temporary(), "shorter.parquet");
    cpSync(join(FIXTURES, "none.parquet"), file);
    const reader = await openParquet(file, file, 0);
    truncateSync(file, 100);
    await expect(readAll(reader)).rejects.toMatchObject({ message: `${file}: became shorter while it was read` });
  });

  it("is refused if the spec's format is not json", async () => {
    const data = join(FIXTURES, "none.parquet");
    await expect(report(["train", "--model", "features/criteo-lr.yaml", "--data", data, "--out", "x"])).rejects.toThrow(
      "rows are read as JSON objects, but criteo-lr expects tsv",
    );
  });

  it("trains the same model as its rows as JSON lines", async () => {
    const folder = temporary();
    const spec = join(folder, "spec.yaml");
    writeFileSync(
      spec,
      `name: table
events: { format: json }
label: { field: label, positive: "true", time: ts }
fields:
  - { name: user, type: categorical, table: t }
  - { name: ad, type: categorical, table: t }
  - { name: tags, type: bag, max_length: 4, table: t }
  - { name: site, from: site.name, type: categorical, table: t }
  - { name: price, type: numeric, table: t }
tables: { t: { rows: 65536, dim: 1 } }
tower: lr
`,
    );
    const learn = (data: string, out: string) =>
      report(["train", "--model", spec, "--data", data, "--out", join(folder, out)]);
    const [table, text] = [
      await learn(join(FIXTURES, "snappy.parquet"), "a"),
      await learn(join(FIXTURES, "rows.jsonl"), "b"),
    ];
    expect(table).toMatchObject({ examples: ROWS, rejected: 0, logloss: text.logloss, auc: text.auc });
    expect(table.fields).toEqual(text.fields);
  });
});
