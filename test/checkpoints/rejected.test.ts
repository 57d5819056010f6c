import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { firstRejected, type RejectedEvent, RejectedWriter } from "../../src/checkpoints/rejected.js";
import { anyCharacter } from "../code-points.js";
import fc from "../properties.js";
import { FaultyFiles } from "./faulty-files.js";
import { errorOf, quickFiles, temporaryDirectory } from "./samples.js";

function reject(row: number, raw: Uint8Array = Buffer.from(`1\t${row}`)): RejectedEvent {
  const fault = { code: "column_count", column: null, value: "2 columns", expected: "3 columns" };
  return { ...fault, file: "day-1.tsv", row, offset: row * 10, length: raw.byteLength, raw };
}

function lines(directory: string): string[] {
  return readFileSync(join(directory, "rejected", "rejected.jsonl"), "utf8")
    .split("\n")
    .slice(0, -1);
}

const rows = (directory: string) => lines(directory).map((line) => JSON.parse(line).row);

describe("RejectedWriter", () => {
  it("writes one JSON object per line", () => {
    const directory = temporaryDirectory();
    const writer = new RejectedWriter(directory);
    writer.append({ ...reject(3, Buffer.from('a"\tü\u2028')), code: "bad_label", column: "label", value: "a" });
    writer.append(reject(4, Uint8Array.of(0xff, 0x41)));
    writer.sync();
    expect(lines(directory)).toEqual([
      '{"code":"bad_label","column":"label","value":"a","expected":"3 columns","file":"day-1.tsv","row":3,"offset":30,"length":8,"raw":"a\\"\\tü\u2028"}',
      '{"code":"column_count","column":null,"value":"2 columns","expected":"3 columns","file":"day-1.tsv","row":4,"offset":40,"length":2,"raw_base64":"/0E="}',
    ]);
    expect(writer.bytesWritten).toBe(readFileSync(writer.path).byteLength);
    writer.close();
  });

  it("finds the first event of each code, wherever lines are cut and only up to the length of a checkpoint", () => {
    const directory = temporaryDirectory();
    const writer = new RejectedWriter(directory);
    const long = Buffer.alloc((1 << 20) - 90, "x");
    for (const row of [1, 2, 3]) writer.append(reject(row, long));
    for (const row of [4, 5]) writer.append({ ...reject(row), code: "bad_label" });
    const length = writer.bytesWritten;
    writer.append({ ...reject(6), code: "bad_time" });
    writer.close();
    const found = firstRejected(directory, length, ["bad_time", "bad_label", "column_count"]);
    expect([...found].map(([code, { row }]) => [code, row])).toEqual([
      ["column_count", 1],
      ["bad_label", 4],
    ]);
  });

  it("keeps every byte of rejected rows", () => {
    const directory = temporaryDirectory();
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.uint8Array(),
            fc.string({ unit: anyCharacter }).map((s) => Buffer.from(s)),
          ),
        ),
        (raws) => {
          const writer = new RejectedWriter(directory);
          raws.forEach((raw, i) => void writer.append(reject(i, raw)));
          writer.close();
          const found = lines(directory).map((line) => {
            const { raw, raw_base64 } = JSON.parse(line);
            return raw === undefined ? Buffer.from(raw_base64, "base64") : Buffer.from(raw, "utf8");
          });
          expect(found.map((raw) => raw.toString("hex"))).toEqual(raws.map((raw) => Buffer.from(raw).toString("hex")));
        },
      ),
    );
  });

  it("is truncated to the checkpoint's length on resume: the replay neither loses nor duplicates anything", () => {
    const directory = temporaryDirectory();
    const killed = new RejectedWriter(directory);
    for (const row of [1, 2]) killed.append(reject(row));
    killed.sync();
    const saved = killed.bytesWritten;
    for (const row of [3, 4]) killed.append(reject(row));
    killed.close();
    const resumed = new RejectedWriter(directory, saved);
    for (const row of [3, 4, 5]) resumed.append(reject(row));
    resumed.close();
    expect(rows(directory)).toEqual([1, 2, 3, 4, 5]);
  });

  it("starts an empty file without a length", () => {
    const directory = temporaryDirectory();
    for (const row of [1, 2]) {
      const writer = new RejectedWriter(directory);
      writer.append(reject(row));
      writer.close();
    }
    expect(rows(directory)).toEqual([2]);
  });

  it("has what sync guaranteed, and little more, after its process died", () => {
    const directory = temporaryDirectory();
    const writer = new RejectedWriter(directory);
    for (let row = 0; row < 10_000; row++) writer.append(reject(row));
    writer.sync();
    writer.append(reject(10_000));
    expect(rows(directory)).toEqual(Array.from({ length: 10_000 }, (_, row) => row));
    writer.close();
  });

  it("says what to do if the file is missing or shorter than at the checkpoint", () => {
    const directory = temporaryDirectory();
    const writer = new RejectedWriter(directory);
    writer.append(reject(1));
    writer.close();
    const saved = writer.bytesWritten;
    writeFileSync(writer.path, "x");
    const short = errorOf(() => new RejectedWriter(directory, saved));
    expect([short.code, short.message]).toEqual([
      "checkpoint_mismatch",
      `${writer.path}: has 1 bytes, but had ${saved} when the checkpoint was written`,
    ]);
    expect(short.hint).toContain(`truncate -s ${saved} ${writer.path}`);
    rmSync(writer.path);
    expect(errorOf(() => new RejectedWriter(directory, saved)).message).toContain("has 0 bytes");
  });

  it.each(["ENOSPC", "EIO", "short"] as const)(
    "fails with checkpoint_write for %s at every operation, and closes",
    (fault) => {
      let struck = 0;
      for (let at = 1; ; at++) {
        const faulty = new FaultyFiles(quickFiles, fault, at);
        const directory = temporaryDirectory();
        const run = () => {
          const writer = new RejectedWriter(directory, 0, faulty.files);
          try {
            for (let row = 0; row < 8_000; row++) writer.append(reject(row));
            writer.sync();
          } finally {
            writer.close();
          }
        };
        try {
          run();
          break;
        } catch (error) {
          expect(error).toHaveProperty("code", "checkpoint_write");
          expect((error as Error).message).toMatch(/rejected\.jsonl: could not be written: E/);
          struck++;
        }
      }
      expect(struck).toBeGreaterThanOrEqual(7);
    },
  );
});
