import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import fc from "../properties.js";
import { expectDecoded, expectRows, feed, feedFile, outcome, plainReject, rowsOf } from "./feed.js";
import { everySpec, rowText, specOf } from "./generate.js";
import { decodeFile, hash, hashText } from "./reference.js";

const formats = ["tsv", "csv", "json", "vw"] as const;

/** A random file of a spec: any rows, with or without a last newline. */
function fileOf(spec: CompiledSpec, maxRows: number): fc.Arbitrary<Buffer> {
  const rows = fc.array(rowText(spec), { maxLength: maxRows });
  return fc.tuple(rows, fc.boolean()).map(([list, newline]) => Buffer.from(list.join("\n") + (newline ? "\n" : "")));
}

describe.each(formats)("%s", (format) => {
  it("decodes every field type like the scalar reference", () => {
    let accepted = 0;
    let refused = 0;
    for (const label of ["equals", "at_least"] as const) {
      const spec = everySpec(format, label);
      const decoder = new Decoder(spec, { capacity: 8 });
      fc.assert(
        fc.property(fileOf(spec, 40), (file) => {
          const expected = decodeFile(spec, file);
          decoder.startAt(0, 0);
          expectDecoded(spec, feed(decoder, file), expected, 8);
          accepted += expected.rows.length;
          refused += expected.rejects.length;
        }),
        { numRuns: 100 },
      );
    }
    expect(accepted).toBeGreaterThan(65);
    expect(refused).toBeGreaterThan(16);
  });

  it("gives the same batches, positions and rejects for any chunks", () => {
    const spec = everySpec(format);
    const chunks = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 400 })), { minLength: 1, maxLength: 8 });
    const decoders = () => Array.from({ length: 9 }, (_, i) => new Decoder(spec, { capacity: i + 1 }));
    const [wholes, cuts] = [decoders(), decoders()];
    fc.assert(
      fc.property(fileOf(spec, 30), chunks, fc.integer({ min: 1, max: 9 }), (file, sizes, capacity) => {
        for (const decoder of [wholes[capacity - 1], cuts[capacity - 1]]) decoder.startAt(0, 0);
        const whole = feed(wholes[capacity - 1], file).map((taken) => outcome(spec, taken));
        const cut = feed(cuts[capacity - 1], file, sizes).map((taken) => outcome(spec, taken));
        expect(cut).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it("resumes from any batch's position as if it had never stopped", () => {
    const spec = everySpec(format);
    const decoder = new Decoder(spec, { capacity: 3, distinct: false });
    fc.assert(
      fc.property(fileOf(spec, 40), fc.nat(), (file, pick) => {
        decoder.startAt(0, 0);
        const whole = feed(decoder, file);
        const at = pick % whole.length;
        const resumed = new Decoder(spec, { capacity: 3, distinct: false });
        resumed.startAt(whole[at].offset, whole[at].row);
        const rest = feed(resumed, file.subarray(whole[at].offset));
        const expected = at === whole.length - 1 ? [] : whole.slice(at + 1);
        expect(rest.slice(0, Math.max(1, expected.length)).map((taken) => outcome(spec, taken))).toEqual(
          expected.length > 0
            ? expected.map((taken) => outcome(spec, taken))
            : [{ ...outcome(spec, whole[at]), rows: [], rejects: [] }],
        );
      }),
      { numRuns: 30 },
    );
  });

  it("never crashes, loops or loses a line on corrupted bytes", () => {
    const spec = everySpec(format);
    const decoder = new Decoder(spec, { capacity: 8 });
    const good = fc.sample(rowText(spec), { numRuns: 20, seed: 5 });
    const damage = fc.array(
      fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(9, 10, 13, 34, 44, 92, 123, 125, 91, 93, 58, 124))),
      {
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(damage, (changes) => {
        const file = Buffer.from(good.join("\n"));
        for (const [at, byte] of changes) file[at % file.length] = byte;
        decoder.startAt(0, 0);
        expectDecoded(spec, feed(decoder, file, [1000]), decodeFile(spec, file), 8);
      }),
      { numRuns: 300 },
    );
  });

  it("survives random bytes", () => {
    const spec = everySpec(format);
    const decoder = new Decoder(spec, { capacity: 8 });
    const noise = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(noise, (file) => {
        decoder.startAt(0, 0);
        expectDecoded(spec, feed(decoder, file, [64]), decodeFile(spec, file), 8);
      }),
      { numRuns: 300 },
    );
  });
});

/** Two columns, one categorical. */
function small(format: (typeof formats)[number], events: Partial<CompiledSpec["events"]> = {}): CompiledSpec {
  return specOf([{ name: "a", type: "categorical", from: "a" }], {
    events: { format, columns: ["label", "a"], header: false, separator: format === "csv" ? "," : "\t", ...events },
  });
}

const tsv = (rows: number) => Buffer.from(Array.from({ length: rows }, (_, i) => `${i % 2}\tv${i}\n`).join(""));

describe("the stream", () => {
  it("joins files: a last line without a newline is a row; offsets and lines restart", () => {
    const spec = small("tsv");
    const decoder = new Decoder(spec, { capacity: 3 });
    const first = feedFile(decoder, Buffer.from("1\ta\n0\tb"));
    const second = feedFile(decoder, Buffer.from("1\tc\nbad\n0\td\n"));
    expect(first).toEqual([]);
    expect(second.map(({ batch, offset, row }) => ({ rows: batch.rows, offset, row }))).toEqual([
      { rows: 3, offset: 4, row: 1 },
    ]);
    const { batch, rejects, offset, row } = decoder.take();
    expect({ rows: batch.rows, offset, row }).toEqual({ rows: 1, offset: 12, row: 3 });
    const fault = { code: "column_count", column: "", value: "1 column", expected: "2 columns" };
    expect(rejects).toEqual([{ ...fault, offset: 4, row: 2, bytes: Uint8Array.from(Buffer.from("bad")), length: 3 }]);
  });

  it("reads line breaks in quotes, and what bad_quote expects does not exclude them", () => {
    const taken = feed(new Decoder(small("csv"), { capacity: 4 }), Buffer.from('1,"a\nb"\n0,"c"d\n'));
    expect(taken.reduce((sum, { batch }) => sum + batch.rows, 0)).toBe(1);
    const expected = "quotes around the whole value, doubled within it, and closed";
    expect(taken.flatMap(({ rejects }) => rejects)).toMatchObject([{ code: "bad_quote", expected }]);
  });

  it("offers no space, and refuses bytes, until a finished file is scanned", () => {
    const decoder = new Decoder(small("tsv"), { capacity: 1 });
    decoder.room().set(tsv(2));
    decoder.commit(tsv(2).length);
    decoder.endFile();
    expect(decoder.room().length).toBe(0);
    expect(() => decoder.commit(1)).toThrow(/before the last file/);
    expect(decoder.scan()).toBe("full");
    decoder.take();
    expect(decoder.scan()).toBe("full");
    decoder.take();
    expect(decoder.scan()).toBe("more");
    expect(decoder.room().length).toBeGreaterThan(1000);
  });

  it("stops at the rows wanted", () => {
    const decoder = new Decoder(small("tsv"), { capacity: 8 });
    decoder.room().set(tsv(8));
    decoder.commit(tsv(8).length);
    expect(decoder.scan(3)).toBe("full");
    const { batch, offset } = decoder.take();
    expect({ rows: batch.rows, offset }).toEqual({ rows: 3, offset: 15 });
  });

  it("assigns rejects that follow a full batch to the next one", () => {
    const decoder = new Decoder(small("tsv"), { capacity: 1 });
    const taken = feed(decoder, Buffer.from("bad\n1\ta\nworse\n0\tb\n"));
    expect(taken.map(({ rejects }) => rejects.map(({ row }) => row))).toEqual([[1], [3], []]);
  });

  it("ends a batch early instead of buffering rejects without bound", () => {
    const decoder = new Decoder(small("tsv"), { capacity: 4 });
    const file = Buffer.from("bad\n".repeat(25_000));
    const taken = feed(decoder, file, [777]);
    expect(taken.map(({ rejects }) => rejects.length)).toEqual([10_000, 10_000, 5000]);
    expect(taken.map(({ offset }) => offset)).toEqual([40_000, 80_000, 100_000]);
  });

  it("reuses a buffer of the right size", () => {
    const decoder = new Decoder(small("tsv"), { capacity: 4 });
    const [first] = feed(decoder, tsv(4));
    decoder.startAt(0, 0);
    const spare = first.batch.buffer;
    feedFile(decoder, tsv(2));
    expect(decoder.take(spare).batch.buffer).toBe(spare);
    expect(decoder.take(new ArrayBuffer(8)).batch.buffer.byteLength).toBe(decoder.layout.bytes);
  });

  it("skips a byte order mark only at the start of a file", () => {
    const spec = small("tsv");
    for (const chunk of [1, 2, 100]) {
      const [batch, rest] = feed(new Decoder(spec, { capacity: 1 }), Buffer.from("\ufeff1\ta\n\ufeff1\tb\n"), [chunk]);
      expect(rowsOf(spec, batch.batch)[0]).toMatchObject({
        label: 1,
        keys: [[hashText("a", BigInt(`0x${spec.tables[0].cells[0].seed}`))], expect.anything()],
      });
      expect(batch.offset).toBe(7);
      expect(rest.rejects).toMatchObject([{ code: "bad_label", offset: 7, row: 2 }]);
    }
  });

  it("skips empty lines, but counts them", () => {
    for (const format of formats) {
      const row = { tsv: "1\ta", csv: "1,a", json: '{"label":1,"a":"a"}', vw: "1 |a a" }[format];
      const taken = feed(new Decoder(small(format), { capacity: 9 }), Buffer.from(`\n${row}\r\n\r\n\n${row}\nx`), [3]);
      expect(
        taken.map(({ batch, row: lines, rejects }) => ({
          rows: batch.rows,
          lines,
          at: rejects.map((reject) => reject.row),
        })),
      ).toEqual([{ rows: 2, lines: 6, at: [6] }]);
    }
  });

  it("never includes a carriage return in a value", () => {
    for (const format of ["tsv", "csv"] as const) {
      const separator = format === "csv" ? "," : "\t";
      const spec = small(format);
      const lines = ["a", "", 'b"', "c"].slice(0, format === "csv" ? 2 : 4);
      const plain = Buffer.from(lines.map((text) => `1${separator}${text}\n`).join(""));
      const windows = Buffer.from(lines.map((text) => `1${separator}${text}\r\n`).join(""));
      const rows = (file: Buffer) =>
        feed(new Decoder(spec, { capacity: 9 }), file).flatMap(({ batch }) => rowsOf(spec, batch));
      expect(rows(windows)).toEqual(rows(plain));
    }
  });
});

describe("limits", () => {
  const MAX_ROW = 4 << 20;

  it.each([
    ["tsv", (text: string) => `1\t${text}`],
    ["csv", (text: string) => `1,${text}`],
    ["csv", (text: string) => `1,"${text}"`],
    ["csv", (text: string) => `1,"\n${text}"`],
    ["json", (text: string) => `{"label":1,"b":"${text}"}`],
    ["vw", (text: string) => `1 |b ${text}`],
  ] as const)("rejects a %s row of more than 4 MiB, in any chunks (%#)", (format, row) => {
    const spec = small(format, { columns: ["label", "b"] });
    const other = { ...spec, fields: [], tables: [], numbers: [] };
    const before = row("x");
    for (const size of [MAX_ROW - row("").length, MAX_ROW - row("").length + 1, 6 << 20]) {
      const long = row("y".repeat(size));
      const file = Buffer.from(`${before}\n${long}\n${before}\n`);
      const expected = decodeFile(other, file);
      const tooLong = expected.rejects.filter(({ code }) => code === "row_too_long").length;
      expect(tooLong > 0).toBe(long.length > MAX_ROW);
      for (const chunk of [8 << 20, 65_536 + 7]) {
        const taken = feed(new Decoder(other, { capacity: 2 }), file, [chunk]);
        expectDecoded(other, taken, expected, 2);
        const lengths = taken.flatMap(({ rejects }) => rejects.map(({ length }) => length));
        if (tooLong && !long.includes("\n")) expect(lengths).toEqual([long.length]);
      }
    }
  });

  it.each([
    ["csv", (text: string) => `1,"${text.replaceAll('"', '""')}","x""y"`],
    ["json", (text: string) => `{"label":1,"b":${JSON.stringify(text)},"a":"x\\"y"}`],
  ] as const)("reads what comes behind a %s text of megabytes with escapes, among short rows", (format, row) => {
    const spec = small(format, { columns: ["label", "b", "a"] });
    const rows = [1, 600_000, 2, 1_300_000, 3].map((times) => row('a"'.repeat(times)));
    const file = Buffer.from(`${rows.join("\n")}\n`);
    const expected = decodeFile(spec, file);
    expect(expected.rows.length).toBe(rows.length);
    for (const chunk of [8 << 20, 65_536 + 7])
      expectDecoded(spec, feed(new Decoder(spec, { capacity: 2 }), file, [chunk]), expected, 2);
  });

  it("rejects a last row that is too long and has no newline", () => {
    const file = Buffer.from(`1\ta\n${"z".repeat(5 << 20)}`);
    for (const chunk of [8 << 20, 100_000]) {
      const [{ batch, rejects, offset, row }] = feed(new Decoder(small("tsv"), { capacity: 2 }), file, [chunk]);
      expect({ rows: batch.rows, offset, row }).toEqual({ rows: 1, offset: file.length, row: 2 });
      expect(rejects).toMatchObject([{ code: "row_too_long", offset: 4, row: 2, length: 5 << 20 }]);
      expect(rejects[0].bytes.length).toBe(65_536);
    }
  });

  it("rejects a value of more than 65,535 bytes in a column that is read", () => {
    for (const format of formats) {
      const spec = small(format, { columns: ["label", "a", "b"] });
      const row = (a: string, b: string) =>
        ({
          tsv: `1\t${a}\t${b}`,
          csv: `1,${a},"${b}"`,
          json: `{"label":1,"a":"${a}","b":"${b}"}`,
          vw: `1 |a ${a} |b ${b}`,
        })[format];
      const [max, over] = ["m".repeat(65_535), "o".repeat(65_536)];
      const file = Buffer.from([row(max, max), row(over, max), row(max, over)].join("\n"));
      const taken = feed(new Decoder(spec, { capacity: 9 }), file);
      expectDecoded(spec, taken, decodeFile(spec, file), 9);
      expect(taken[0].batch.rows).toBe(2);
      expect(taken[0].rejects.map(plainReject)).toMatchObject([{ code: "value_too_long", column: "a", row: 2 }]);
    }
  });
});

describe("scoring", () => {
  it("requires no label, weight, time or id if labels are not required", () => {
    const spec = everySpec("json");
    const file = Buffer.from('{"plain":"x"}\n{"label":0,"time":5}\n{"label":{}}\n');
    const [{ batch, rejects }] = feed(new Decoder(spec, { capacity: 4, requireLabel: false }), file);
    expectRows(rowsOf(spec, batch), decodeFile(spec, file, { requireLabel: false }).rows, spec);
    expect([...batch.labels]).toEqual([Number.NaN, 0, Number.NaN]);
    expect(rejects).toEqual([]);
  });
});

describe("distinct-value registers", () => {
  const registers = (changes: readonly Uint32Array[]) => {
    const highest = new Map<number, number>();
    for (const change of changes.flatMap((list) => [...list])) {
      highest.set(change >>> 8, Math.max(highest.get(change >>> 8) ?? 0, change & 255));
    }
    return highest;
  };

  it("count the accepted rows' keys for any batches, and merge the same after a restart", () => {
    const spec = everySpec("json");
    const file = Buffer.from(fc.sample(rowText(spec), { numRuns: 400, seed: 3 }).join("\n"));
    const expected = new Map<number, number>();
    const count = (field: string, key: bigint) => {
      const index = spec.fields.findIndex(({ name }) => name === field);
      const register = Number(key >> 52n);
      const rest = (key << 12n) & (2n ** 64n - 1n);
      const rank = 1 + Math.min(52, 64 - (rest === 0n ? 0 : rest.toString(2).length));
      const at = (index << 12) | register;
      expected.set(at, Math.max(expected.get(at) ?? 0, rank));
    };
    for (const row of decodeFile(spec, file).rows) {
      const [{ cells }] = spec.tables;
      const singles = cells.filter(({ kind }) => kind === "single");
      for (const [i, { field }] of singles.entries()) count(field, row.keys[0][i]);
      for (const [i, { field }] of cells.filter(({ kind }) => kind === "bag").entries())
        for (const key of row.bags[i].keys) count(field, key);
    }
    const small = feed(new Decoder(spec, { capacity: 7 }), file);
    const changes = (taken: typeof small) => taken.map(({ distinct }) => distinct);
    expect(registers(changes(small))).toEqual(expected);
    expect(registers(changes(feed(new Decoder(spec, { capacity: 500 }), file)))).toEqual(expected);

    const resumed = new Decoder(spec, { capacity: 7 });
    resumed.startAt(small[9].offset, small[9].row);
    const after = feed(resumed, file.subarray(small[9].offset));
    expect(registers([...changes(small.slice(0, 10)), ...changes(after)])).toEqual(expected);
    expect(expected.size).toBeGreaterThan(500);
  });

  it("are not reported unless requested", () => {
    const spec = small("tsv");
    expect(feed(new Decoder(spec, { capacity: 9, distinct: false }), tsv(5))[0].distinct.length).toBe(0);
    expect(feed(new Decoder(spec, { capacity: 9 }), tsv(5))[0].distinct.length).toBe(5);
  });
});

describe("messages", () => {
  const message = (decoder: Decoder, text: Buffer, offset: number) => decoder.message(text, 0, text.length, offset);
  const one = { tsv: "1\ta", csv: '1,"a\nb"', json: '{\n"label":1,\n"a":"x"\n}', vw: "1 |a x" };

  it.each(formats)("%s: one message is one event", (format) => {
    const spec = small(format);
    const decoder = new Decoder(spec, { capacity: 3 });
    expect(message(decoder, Buffer.from(one[format]), 10)).toBe("more");
    expect(message(decoder, Buffer.from(`${one[format]}\n`), 11)).toBe("more");
    expect(message(decoder, Buffer.from(""), 12)).toBe("more");
    expect(message(decoder, Buffer.from("?"), 13)).toBe("more");
    expect(message(decoder, Buffer.from(one[format].replace("1", "0")), 14)).toBe("full");
    const { batch, rejects } = decoder.take();
    expect([...batch.labels]).toEqual([1, 1, 0]);
    expect(new Set(batch.keys(0)).size).toBe(1);
    expect(rejects).toMatchObject([{ offset: 13, row: 0, length: 1 }]);
  });

  it.each(formats)("%s: adjacent ones in memory are read as if each had arrived alone", (format) => {
    const events = {
      tsv: (i: number) => `1\ta${i}`,
      csv: (i: number) => `1,"a\n${i}"`,
      json: (i: number) => `{"label":1,"a":"\\u00e4${i}"}`,
      vw: (i: number) => `1 |a x${i}`,
    };
    const texts = Array.from({ length: 3000 }, (_, i) => (i % 7 === 3 ? "?".repeat(i) : events[format](i)));
    const alone = new Decoder(small(format), { capacity: 3000 });
    texts.forEach((text, i) => void message(alone, Buffer.from(text), i));
    const together = new Decoder(small(format), { capacity: 3000 });
    const memory = Buffer.from(texts.join("##"));
    let at = 0;
    texts.forEach((text, i) => {
      together.message(memory, at, at + text.length, i);
      at += text.length + 2;
    });
    const [each, other] = [alone.take(), together.take()];
    expect(other.batch.rows).toBe(3000 - 429);
    expect([...other.batch.keys(0)]).toEqual([...each.batch.keys(0)]);
    expect(other.rejects).toEqual(each.rejects);
  });

  it("with more than one row, or too long, are rejected as a whole", () => {
    const decoder = new Decoder(small("tsv"), { capacity: 3 });
    message(decoder, Buffer.from("1\ta\n0\tb"), 7);
    message(decoder, Buffer.alloc((4 << 20) + 1, 65), 8);
    const { batch, rejects } = decoder.take();
    expect(batch.rows).toBe(0);
    expect(rejects).toMatchObject([
      { code: "column_count", offset: 7, length: 7 },
      { code: "row_too_long", offset: 8, length: (4 << 20) + 1 },
    ]);
  });
});

describe("real data", () => {
  const path = new URL("../../../shared/data/criteo-kaggle-10k/train-10k.txt.gz", import.meta.url);
  let file: Buffer | undefined;
  try {
    file = gunzipSync(readFileSync(path));
  } catch {
    console.log("criteo-kaggle-10k is not there: its test is skipped");
  }

  it.skipIf(!file)("Criteo's first 10,000 rows equal the reference", () => {
    const names = [
      ...Array.from({ length: 13 }, (_, i) => `I${i + 1}`),
      ...Array.from({ length: 26 }, (_, i) => `C${i + 1}`),
    ];
    const fields = names.map((name, i) =>
      i < 13
        ? ({ name, type: "numeric", from: name, transform: "log1p", missing: 0 } as const)
        : ({ name, type: "categorical", from: name } as const),
    );
    const spec = specOf(fields, {
      events: { format: "tsv", columns: ["label", ...names], header: false, separator: "\t" },
    });
    const taken = feed(new Decoder(spec, { capacity: 1024 }), file!, [100_000]);
    expectDecoded(spec, taken, decodeFile(spec, file!), 1024);
    expect(taken.reduce((sum, { batch }) => sum + batch.rows, 0)).toBe(10_000);
  });
});

it("hashes an event id with seed 0 and a cross from its components' own keys", () => {
  const spec = everySpec("json");
  const [{ batch }] = feed(
    new Decoder(spec, { capacity: 1 }),
    Buffer.from('{"label":1,"event":"e1","time":1.5,"user":{"id":7},"price":3}\n'),
  );
  expect(batch.ids[0]).toBe(hashText("e1", 0n));
  expect(batch.times[0]).toBe(1500);
  const part = (name: string, text: string) => hashText(text, hashText(name, 42n));
  const cell = spec.tables[0].cells.findIndex(({ field }) => field === "user_price");
  const joined = new Uint8Array(BigUint64Array.of(part("user", "7"), part("price", "3")).buffer);
  expect(batch.keys(0)[cell]).toBe(hash(joined, BigInt(`0x${spec.tables[0].cells[cell].seed}`)));
});
