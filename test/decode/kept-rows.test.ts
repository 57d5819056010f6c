import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { keptRows } from "../../src/decode/kept-rows.js";
import type { Format } from "../../src/spec/compiled.js";
import { feed } from "./feed.js";
import { specOf } from "./generate.js";

const fields = [
  { name: "a", type: "categorical", from: "a" },
  { name: "n", type: "numeric", from: "n", transform: "raw", missing: 0 },
] as const;

/** The recorded rows of a file: `code: value, value`, for JSON as `kind text`. */
function kept(format: Format, file: string, columns: string[], chunks?: number[], header = false): string[] {
  const separator = format === "csv" ? "," : "\t";
  const events = { format, columns: ["a", "n", "id", "rest"], header, separator };
  const spec = specOf([...fields], { events });
  const decoder = new Decoder(spec, { capacity: 4, requireLabel: false, kept: columns });
  return feed(decoder, Buffer.from(file), chunks).flatMap(({ kept, batch, rejects }) => {
    const rows = [...keptRows(kept, columns.length)];
    expect(rows.filter(({ rejected }) => rejected === null)).toHaveLength(batch.rows);
    expect(rows.filter(({ rejected }) => rejected !== null)).toHaveLength(rejects.length);
    return rows.map(({ rejected, values }) => {
      const texts = values.map(({ kind, text }) => (format === "json" ? `${kind} ${text}` : text));
      return `${rejected ?? "ok"}: ${texts.join(" | ")}`;
    });
  });
}

describe("rows are recorded in stream order", () => {
  it.each([undefined, [1], [7, 3]])(
    "of tsv, rejected ones with the values that could be read (chunks %j)",
    (chunks) => {
      const file = "x\t1\ti1\tr\n\nx\t1\nx\tno\ti3\tr\nx\t2\t\tr\r\n\xff\t1\ti5\tr\nx\t1\ti6\tr";
      const expected = [
        "ok: i1 | x",
        "column_count:  | ",
        "bad_number: i3 | x",
        "ok:  | x",
        "ok: i5 | \xff",
        "ok: i6 | x",
      ];
      expect(kept("tsv", file, ["id", "a"], chunks)).toEqual(expected);
    },
  );

  it("of csv, unquoted, with columns named by the header", () => {
    const file = 'rest,id,n,a\n"x","a ""q"", b\nc",1,y\nz,i2,"x"y,z\n';
    expect(kept("csv", file, ["id", "rest"], undefined, true)).toEqual(['ok: a "q", b\nc | x', "bad_quote:  | "]);
  });

  it("of json, values as written, also from paths that no field reads", () => {
    const file = [
      '{"id":9007199254740993,"a":"x","user":{"tags":[1, "b"]}}',
      '{"id":"\\u0061\\n","a":"x","user":{"tags":null}}',
      '{"id":"i3","a":{},"user":3}',
      '{"id":"\\ud800","a":"x","user":true}',
      "nonsense",
      '{"a":"x"}',
    ].join("\n");
    expect(kept("json", file, ["id", "user.tags", "user"])).toEqual([
      'ok: json 9007199254740993 | json [1, "b"] | json {"tags":[1, "b"]}',
      'ok: text a\n | missing  | json {"tags":null}',
      "bad_type: text i3 | missing  | json 3",
      "ok: missing  | missing  | json true",
      "bad_json: missing  | missing  | missing ",
      "ok: missing  | missing  | missing ",
    ]);
  });

  it("of vw, tags and namespaces", () => {
    expect(kept("vw", "1 1 't1|a x y:2 |n 3\n|a z\n1 no bar\n", ["tag", "a"])).toEqual([
      "ok: t1 | x y:2",
      "ok:  | z",
      "bad_vw:  | ",
    ]);
  });

  it("of rows with long values, in portions that bound memory", () => {
    const long = "y".repeat(60_000);
    const file = Array.from({ length: 64 }, (_, i) => `x\t1\t${i}${long}\tr`);
    const decoded = kept("tsv", `${file.join("\n")}\nx\t1\t${long}${long}\tr\n`, ["id"]);
    expect(decoded).toEqual([...file.map((line) => `ok: ${line.split("\t")[2]}`), "value_too_long: "]);
  });
});

it("texts of several megabytes in recorded messages do not overflow the kernel's memory", () => {
  const spec = specOf([...fields], { events: { format: "json", columns: [], header: false, separator: "" } });
  const decoder = new Decoder(spec, { capacity: 1024, requireLabel: false, kept: ["id"] });
  const idOf = (n: number) => String(n).padStart(40_000, "x");
  for (let n = 0; n < 1000; n++) {
    const event = Buffer.from(JSON.stringify({ a: `a${n}`, id: idOf(n) }));
    decoder.message(event, 0, event.length, n);
  }
  const { batch, rejects, kept } = decoder.take();
  expect([batch.rows, rejects]).toEqual([1000, []]);
  const texts = [...keptRows(kept, 1)].map(({ values }) => values[0].text);
  expect(texts).toEqual(Array.from({ length: 1000 }, (_, n) => idOf(n)));
  expect(decoder.take().kept).toHaveLength(0);
});
