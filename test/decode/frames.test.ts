// Files of length-delimited Protobuf messages: rows must equal those of the same events as JSON lines.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { Decoder, type Taken } from "../../src/decode/decoder.js";
import { digests, report, run, temporary } from "../e2e/hashbrook.js";
import fc from "../properties.js";
import { bag, categorical, numeric, specsOf } from "./binary.js";
import { feed, outcome, rowsOf } from "./feed.js";
import { drawnEvents, jsonOfEvent } from "./proto-values.js";

const fields = [categorical("f1"), numeric("f2"), bag("f3"), categorical("f1.f0")];

it("are read like the JSON of what @bufbuild/protobuf writes and reads, for any chunks", () => {
  let rows = 0;
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (seed, chunks) => {
      const { schema, events } = drawnEvents(seed);
      const specs = specsOf({ format: "protobuf", schema: schema.text }, fields, "f0");
      const options = { capacity: 100, requireLabel: false, distinct: true };
      const read = (format: "json" | "binary", file: Uint8Array) => {
        const taken = feed(new Decoder(specs[format], options), file, chunks).at(-1)!;
        const { rows, distinct, rejects } = outcome(specs.json, taken);
        return {
          rows,
          distinct,
          row: taken.row,
          rejects: rejects.map(({ code, column, row }) => ({ code, column, row })),
        };
      };
      const file = Buffer.concat(
        events.map((event) => sizeDelimitedEncode(schema.type, fromBinary(schema.type, event))),
      );
      const lines = events.map((event) => `${jsonOfEvent(schema, event)}\n`).join("");
      const found = read("binary", file);
      expect(found).toEqual(read("json", Buffer.from(lines)));
      rows += found.rows.length;
    }),
    { numRuns: 180 },
  );
  expect(rows).toBeGreaterThan(20);
});

const schema = `syntax = "proto3";
message Click { int32 label = 1; string user = 2; int64 at = 3; }
`;
const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const withLength = (message: Uint8Array) => Buffer.concat([Buffer.from(varint(message.length)), message]);
const click = (n: number, user = `u${n % 13}`) =>
  withLength(
    Buffer.concat([
      Buffer.of(8, n % 3 === 0 ? 1 : 0, 0x12, ...varint(user.length)),
      Buffer.from(user),
      Buffer.of(0x18, ...varint(1_000_000 + n)),
    ]),
  );
const clicks = (from: number, to: number) =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => click(from + i)));

describe("with a fixed schema", () => {
  const spec = specsOf({ format: "protobuf", schema }, [categorical("user")], "label").binary;
  const decoder = new Decoder(spec, { capacity: 10 });
  /** A file from a position on. */
  const read = (file: Uint8Array, chunks?: readonly number[], offset = 0, row = 0): Taken[] => {
    decoder.take();
    decoder.startAt(offset, row);
    return feed(decoder, file.subarray(offset), chunks);
  };

  it("report after every batch where they continue", () => {
    const file = clicks(0, 45);
    const whole = read(file);
    expect(whole.map(({ batch, row }) => [batch.rows, row])).toEqual([
      [10, 10],
      [10, 20],
      [10, 30],
      [10, 40],
      [5, 45],
    ]);
    for (const [i, { offset, row }] of whole.entries()) {
      const rest = read(file, [7], offset, row);
      const summary = ({ batch, offset, row }: Taken) => ({ rows: rowsOf(spec, batch), offset, row });
      expect(rest.filter(({ batch }) => batch.rows > 0).map(summary)).toEqual(whole.slice(i + 1).map(summary));
    }
  });

  it("are rows also if empty, and are rejected with their positions if invalid or too long", () => {
    const long = click(1, "x".repeat(4 << 20));
    const parts = [click(0), withLength(Buffer.alloc(0)), withLength(Buffer.of(0xff)), long, click(2)];
    for (const chunks of [[1 << 18], [1 << 15, 5]]) {
      const [{ batch, rejects, offset, row }] = read(Buffer.concat(parts), chunks);
      expect([...batch.labels]).toEqual([1, 0, 0]);
      const at = (i: number) => Buffer.concat(parts.slice(0, i)).length;
      expect(rejects).toMatchObject([
        { code: "bad_protobuf", row: 3, offset: at(2) + 1, length: 1 },
        { code: "row_too_long", row: 4, offset: at(3), length: long.length - 4 },
      ]);
      expect([offset, row]).toEqual([at(5), 5]);
    }
  });

  it("that are truncated fail with the message's number and byte, wherever the cut is", () => {
    const file = Buffer.concat([click(0), click(1, "y".repeat(300)), click(2)]);
    const ends = [0, click(0).length, file.length - click(2).length, file.length];
    for (let cut = 0; cut <= file.length; cut++) {
      const number = ends.findLastIndex((end) => end <= cut);
      const reading = () => read(file.subarray(0, cut), [13]);
      if (ends.includes(cut)) expect(reading().at(-1)!.row).toBe(number);
      else expect(reading).toThrow(`message ${number + 1}, at byte ${ends[number]}, is truncated`);
    }
    expect(() => read(Buffer.concat([click(0), Buffer.from(varint((4 << 20) + 1)), click(1)]))).toThrow("is truncated");
  });

  it("with an impossible length are reported as another kind of file", () => {
    for (const length of ["ffffffff7f", "ffffffffff01", "8080808008"])
      expect(() => read(Buffer.concat([click(0), Buffer.from(length, "hex"), click(1)]))).toThrow(
        `message 2, at byte ${click(0).length}: length exceeds 2 GiB`,
      );
  });

  it("of arbitrary bytes give rows, rejects or an error", () => {
    const file = clicks(0, 3);
    let rows = 0;
    for (let at = 0; at < file.length; at++) {
      for (let value = 0; value < 256; value++) {
        try {
          const [{ batch, rejects }] = read(file.with(at, value));
          expect(batch.rows + rejects.length).toBeGreaterThan(0);
          rows += batch.rows;
        } catch (error) {
          expect(error).toMatchObject({ code: "source_unreadable" });
        }
      }
    }
    expect(rows).toBeGreaterThan(1000);
  });

  it("of a spec without a schema are refused with what to write", () => {
    const { schema: _, ...events } = spec.events;
    expect(() => feed(new Decoder({ ...spec, events }, { capacity: 10 }), click(0))).toThrow(
      "events of format protobuf cannot be read from files without a schema",
    );
  });
});

describe("on the command line", () => {
  const folder = temporary();
  const [model, data] = [join(folder, "clicks.yaml"), join(folder, "clicks.pb")];
  const specText = (format: string) => `name: clicks
events: ${format}
label: { field: label, time: at }
fields: [{ name: user, type: categorical, table: t }]
tables: { t: { rows: 1024, dim: 1 } }
tower: lr
train: { batch: 300 }
`;
  writeFileSync(join(folder, "clicks.proto"), schema);
  writeFileSync(model, specText("{ format: protobuf, schema: clicks.proto }"));
  writeFileSync(data, clicks(0, 1000));
  writeFileSync(`${data}.gz`, gzipSync(readFileSync(data)));
  const command = (name: string, ...more: string[]) => [
    ...["train", "--model", model, "--out", join(folder, name)],
    ...more,
  ];

  it("train the same model as JSON lines, plain or compressed, stopped and resumed after every batch", async () => {
    const json = join(folder, "clicks.jsonl");
    const line = (n: number) =>
      `${JSON.stringify({ label: n % 3 === 0 ? 1 : 0, user: `u${n % 13}`, at: 1_000_000 + n })}\n`;
    writeFileSync(json, Array.from({ length: 1000 }, (_, n) => line(n)).join(""));
    writeFileSync(join(folder, "json.yaml"), specText("{ format: json }"));
    const lines = await report([
      "train",
      "--model",
      join(folder, "json.yaml"),
      "--data",
      json,
      "--out",
      join(folder, "j"),
    ]);
    const whole = await report(command("whole", "--data", data));
    expect(whole).toMatchObject({ examples: 1000, rejected: 0, logloss: lines.logloss, auc: lines.auc });
    for (const file of [data, `${data}.gz`]) {
      const parts = (...more: string[]) => report(command(`parts${file.length}`, "--data", file, "--resume", ...more));
      for (const limit of ["300", "600", "900"]) await parts("--limit", limit);
      expect(await parts()).toMatchObject({ examples: 1000, rejected: 0, logloss: whole.logloss });
    }
    expect(digests(join(folder, `parts${data.length}`))).toEqual(digests(join(folder, "whole")));
  });

  it("may grow from day to day: an incomplete message ends the run, and the rest is learned once it is there", async () => {
    const grown = join(folder, "grown.pb");
    writeFileSync(grown, clicks(0, 1000));
    const learn = (...more: string[]) => run(command("grown", "--data", grown, "--resume", "--json", ...more));
    expect((await learn()).status).toBe(0);
    const next = clicks(1000, 1400);
    appendFileSync(grown, next.subarray(0, -3));
    const { status, stderr } = await learn();
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/grown\.pb: message 1400, at byte \d+, is truncated/);
    appendFileSync(grown, next.subarray(-3));
    const { stdout } = await learn();
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toMatchObject({ examples: 1400, rejected: 0 });
  });

  it("can be validated with separate files, but not with --validate-last", async () => {
    const { stderr } = await run(command("held", "--data", data, "--validate-last", "0.1"));
    expect(stderr).toContain("clicks.pb has no lines at which its last part could be split off");
  });

  it("are decoded once into a cache that trains the same model", async () => {
    const cache = join(folder, "cache");
    expect((await run(["cache", "--model", model, "--data", data, "--out", cache])).stderr).toBe("");
    await report(command("cached", "--data", `cache:${cache}`, "--validate-last", "0.1"));
    await report(command("cached-whole", "--data", `cache:${cache}`));
    await report(command("plain-whole", "--data", data));
    expect(digests(join(folder, "cached-whole"))).toEqual(digests(join(folder, "plain-whole")));
  });
});
