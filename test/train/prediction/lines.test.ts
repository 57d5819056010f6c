import { describe, expect, it } from "vitest";
import { type LineOptions, predictionHeader, predictionLines } from "../../../src/train/prediction/lines.js";

const MISSING = 0;
const TEXT = 1;
const NUMBER = 2;
const BAD_NUMBER = 7;

/** One row as the decoder stores it. */
function row(code: number, ...values: [kind: number, text: string][]): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(code);
  const parts = values.map(([kind, text]) => {
    const sizes = Buffer.alloc(8);
    sizes.writeUInt32LE(Buffer.byteLength(text));
    sizes.writeUInt32LE(kind, 4);
    return Buffer.concat([sizes, Buffer.from(text)]);
  });
  return Buffer.concat([head, ...parts]);
}

const kept = Buffer.concat([
  row(0, [TEXT, 'a "b",\tc\nd'], [NUMBER, "9007199254740993"]),
  row(BAD_NUMBER, [TEXT, "i"], [MISSING, ""]),
  row(0, [TEXT, ""], [TEXT, "z"]),
]);
const scores = { raw: Float32Array.of(0.5, 0.25), calibrated: null };
const lines = (options: Partial<LineOptions>) => {
  const all = { format: "tsv", columns: ["id", "n"], rejected: true, ...options } as LineOptions;
  return predictionHeader(all) + predictionLines(all, kept, scores);
};

describe("a prediction has a line for every row", () => {
  it("in tsv, with tabs and line ends escaped", () => {
    expect(lines({})).toBe(
      'id\tn\tscore\trejected\na "b",\\tc\\nd\t9007199254740993\t0.5\t\ni\t\t\tbad_number\n\tz\t0.25\t\n',
    );
  });

  it("in csv, quoted by RFC 4180, without the column of codes if rejects are impossible", () => {
    expect(lines({ format: "csv", rejected: false })).toBe(
      'id,n,score\n"a ""b"",\tc\nd",9007199254740993,0.5\ni,,\n,z,0.25\n',
    );
  });

  it("in json lines, numbers as written", () => {
    expect(lines({ format: "jsonl" })).toBe(
      '{"id": "a \\"b\\",\\tc\\nd", "n": 9007199254740993, "score": 0.5}\n' +
        '{"id": "i", "n": null, "score": null, "rejected": "bad_number"}\n{"id": "", "n": "z", "score": 0.25}\n',
    );
  });

  it("as a score alone, empty if the row was rejected", () => {
    const bare = Buffer.concat([row(0), row(BAD_NUMBER), row(0)]);
    const options = { format: "scores", columns: [], rejected: true, calibrated: false } as const;
    expect(predictionLines(options, bare, scores)).toBe("0.5\n\n0.25\n");
  });

  it("with the calibrated probability after the raw one, if the model has a calibration", () => {
    const both = { ...scores, calibrated: Float32Array.of(0.75, 0.125) };
    const text = (format: LineOptions["format"]) => {
      const all = { format, columns: format === "scores" ? [] : ["id", "n"], rejected: true, calibrated: true };
      const rows = format === "scores" ? Buffer.concat([row(0), row(BAD_NUMBER), row(0)]) : kept;
      return predictionHeader(all) + predictionLines(all, rows, both);
    };
    expect(text("scores")).toBe("0.5\t0.75\n\n0.25\t0.125\n");
    expect(text("csv")).toBe(
      'id,n,score,calibrated,rejected\n"a ""b"",\tc\nd",9007199254740993,0.5,0.75,\ni,,,,bad_number\n,z,0.25,0.125,\n',
    );
    expect(text("jsonl")).toMatch(
      /"score": 0.5, "calibrated": 0.75\}\n.*"score": null, "calibrated": null, "rejected"/,
    );
  });
});
