import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import { Decoder } from "../../src/decode/decoder.js";
import { cellsIn, HeaderEnd } from "../../src/decode/header.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import fc from "../properties.js";
import { feed, feedFile, outcome, rowsOf } from "./feed.js";
import { specOf } from "./generate.js";

function spec(format: "tsv" | "csv"): CompiledSpec {
  const fields = ["a", "b"].map((name) => ({ name, type: "categorical", from: name }) as const);
  const separator = format === "csv" ? "," : "\t";
  return specOf(fields, { events: { format, columns: ["label", "a", "b"], header: true, separator } });
}

const file = (text: string) => Buffer.from(text.replaceAll(";", "\t"));

const thrown = (wanted: CompiledSpec, bytes: Uint8Array) => {
  try {
    feed(new Decoder(wanted, { capacity: 9 }), bytes);
  } catch (error) {
    return error as HashbrookError;
  }
};

describe("a header", () => {
  it("names the columns in any order; extra columns are ignored", () => {
    const plain = feed(new Decoder(spec("tsv"), { capacity: 9 }), file("label;a;b\n1;x;y\n0;z;\n"));
    const shuffled = feed(
      new Decoder(spec("tsv"), { capacity: 9 }),
      file("b;no;label;a;more\r\ny;9;1;x;9\r\n;9;0;z;9\r\n"),
    );
    expect(rowsOf(spec("tsv"), shuffled[0].batch)).toEqual(rowsOf(spec("tsv"), plain[0].batch));
    expect(plain[0].batch.rows).toBe(2);
    expect(plain[0]).toMatchObject({ row: 3, offset: 21, rejects: [] });
  });

  it("is read in every file", () => {
    const decoder = new Decoder(spec("tsv"), { capacity: 9 });
    feedFile(decoder, file("label;a;b\n1;x;y\n"), [1]);
    feedFile(decoder, file(""));
    feedFile(decoder, file("b;a;label\ny;x;1\nno\n"), [2]);
    const { batch, rejects } = decoder.take();
    const [first, second] = rowsOf(spec("tsv"), batch);
    expect(second).toEqual(first);
    expect(rejects).toMatchObject([{ code: "column_count", row: 3, offset: 16 }]);
  });

  it("may be a file's only content, with or without a newline", () => {
    for (const text of ["label;a;b", "label;a;b\n"]) {
      const [{ batch, row }] = feed(new Decoder(spec("tsv"), { capacity: 9 }), file(text));
      expect({ rows: batch.rows, row }).toEqual({ rows: 0, row: 1 });
    }
  });

  it("may have line breaks in quoted names", () => {
    const text = '\ufefflabel,"say ""a\nb""","a",b\r\n1,"9",x,y\n0,9,z\n';
    for (const chunk of [1, 7, 100]) {
      const [{ batch, rejects, row }] = feed(new Decoder(spec("csv"), { capacity: 9 }), Buffer.from(text), [chunk]);
      expect(batch.rows).toBe(1);
      expect(rejects).toMatchObject([{ code: "column_count", row: 4, offset: 40 }]);
      expect(row).toBe(4);
    }
    const tsv = feed(new Decoder(spec("tsv"), { capacity: 9 }), file('label;a;b;"c\n1;x;y;z\n'));
    expect(tsv[0].batch.rows).toBe(1);
  });

  it("with a quote that is never closed is its first line", () => {
    const text = `label,"a,b\n${"1,x,y\n".repeat(1_000_000)}`;
    expect(thrown(spec("csv"), Buffer.from(text))?.message).toContain('no column "a"');
  });

  it("must name every column that is read exactly once", () => {
    const thrown = (text: string, options = {}) => {
      try {
        feed(new Decoder(spec("tsv"), { capacity: 9, ...options }), file(text));
      } catch (error) {
        return error as HashbrookError;
      }
    };
    expect(thrown("label;b;c\n")).toBeInstanceOf(HashbrookError);
    expect(thrown("label;b;c\n")?.code).toBe("source_unreadable");
    expect(thrown("label;b;c\n")?.message).toBe('header: no column "a"; the header has: label, b, c');
    expect(thrown("label;a;b;a\n")?.message).toContain('column "a" occurs 2 times');
    expect(thrown("a;b\n")?.message).toContain('no column "label"');
    expect(thrown("a;b\n", { requireLabel: false })).toBeUndefined();
    expect(thrown("label;a;b;\xff\n")).toBeUndefined();
  });

  it("must be UTF-8 and not longer than a row", () => {
    const decoder = () => new Decoder(spec("tsv"), { capacity: 9 });
    expect(() => feed(decoder(), Buffer.concat([file("label;a;b;"), Buffer.from([0xff, 10])]))).toThrow(
      "header: not UTF-8",
    );
    expect(() => feed(decoder(), Buffer.alloc(5 << 20, 65), [100_000])).toThrow("header: longer than 4 MiB");
  });

  it("in a file whose lines end in carriage returns alone is reported with the remedy", () => {
    const hint = expect.stringContaining("tr '\\r' '\\n'");
    expect(thrown(spec("csv"), Buffer.from("label,a,b\r1,x,y\r"))).toMatchObject({ code: "source_unreadable", hint });
  });

  it("with another separator is reported with that separator", () => {
    const separated = {
      code: "source_unreadable",
      hint: 'if its columns are separated by ",", set events: { separator: "," }',
    };
    expect(thrown(spec("tsv"), Buffer.from("label,a,b\n1,x,y\n"))).toMatchObject(separated);
  });

  it.each([
    ["gzip", gzipSync("label;a;b\n")],
    ["text in UTF-16", Buffer.from("\uFEFFlabel\ta\tb\n", "utf16le")],
    ["a zip archive, or a spreadsheet", Buffer.from("PK\x03\x04\x14\0\0\0\x08\0")],
    ["Parquet", Buffer.from("PAR1\x15\x04\x15\x10\x15\x14")],
  ])("missing because the file is %s is refused at the first bytes, not reported as malformed rows", (what, bytes) => {
    const refused = { code: "source_unreadable", message: `the file is ${what}, not lines of text` };
    for (const header of [true, false]) {
      const { events, ...rest } = spec("tsv");
      expect(thrown({ ...rest, events: { ...events, header } }, bytes)).toMatchObject(refused);
    }
  });

  it("must have been read before seeking to the middle of a file", () => {
    const text = file("b;a;label\ny;x;1\nv;u;0\n");
    const decoder = new Decoder(spec("tsv"), { capacity: 1 });
    expect(decoder.needsHeader).toBe(true);
    expect(() => decoder.startAt(16, 2)).toThrow("before the file's header was read");
    decoder.room().set(text);
    decoder.commit(text.length);
    expect(decoder.scan(0)).toBe("full");
    decoder.startAt(16, 2);
    const [resumed] = feed(decoder, text.subarray(16));
    const whole = feed(new Decoder(spec("tsv"), { capacity: 1 }), text)[1];
    const { distinct: _, ...rest } = outcome(spec("tsv"), whole);
    expect(outcome(spec("tsv"), resumed)).toMatchObject(rest);
  });

  it("of csv may be quoted", () => {
    const text = '"b","x, ""y""",label,a\n1,2,1,4\n';
    const [{ batch }] = feed(new Decoder(spec("csv"), { capacity: 9 }), Buffer.from(text));
    expect(batch.rows).toBe(1);
    const names = fc.array(fc.string(), { minLength: 1 }).filter((list) => !list.some((name) => /[\r\n]/.test(name)));
    fc.assert(
      fc.property(names, (list) => {
        const line = list.map((name) => `"${name.replaceAll('"', '""')}"`).join(",");
        expect(cellsIn(line, { separator: ",", quoted: true })).toEqual(list);
      }),
    );
  });
});

it("each byte of a header is looked at once: with every chunk they were all looked at again", () => {
  const text = Buffer.from(`"${"a name\n".repeat(500)}",b\n1,2\n`);
  let looks = 0;
  const watched = (bytes: Uint8Array) =>
    new Proxy(bytes, {
      get: (target, key) => {
        looks += Number(/^\d/.test(String(key)));
        return Reflect.get(target, key, target);
      },
    });
  const end = new HeaderEnd();
  const options = { separator: ",", quoted: true };
  let found: number | null = null;
  for (let size = 1; found === null; size++) found = end.in(watched(text.subarray(0, size)), options);
  expect(found).toBe(text.length - 5);
  // And the last one of every call once more, which tells whether a quote opens.
  expect(looks).toBeLessThanOrEqual(2 * text.length);
});

it("headers are the same for any chunks, after each other", () => {
  const decoder = new Decoder(spec("csv"), { capacity: 9 });
  for (const [text, chunks] of [
    ['"la""bel\n\n,x",a,label,b\n9,x,1,y\n', [1]],
    ['label,a,"b"\n1,x,y\n', [7, 2]],
    ['"c\n",label,a,b\n9,1,x,y\n', [3]],
  ] as const) {
    const [{ batch, rejects }] = feed(decoder, Buffer.from(text), chunks);
    expect([batch.rows, rejects]).toEqual([1, []]);
  }
});
