import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LEDGER_VERSION, Ledger } from "../../src/tune/ledger.js";

const temporaryFolder = () => mkdtempSync(join(tmpdir(), "hashbrook-ledger-"));
const question = { kind: "question", version: LEDGER_VERSION };

function written(): { folder: string; path: string } {
  const folder = temporaryFolder();
  const ledger = new Ledger(folder);
  ledger.append(question);
  ledger.append({ kind: "rung", name: "a", auc: 0.75 }, { kind: "rung", name: "b", auc: 0.5 });
  return { folder, path: join(folder, "ledger.jsonl") };
}

it("returns its rows, numbered, one line of JSON each", () => {
  const { folder, path } = written();
  expect(new Ledger(folder).rows).toEqual([
    { row: 0, ...question },
    { row: 1, kind: "rung", name: "a", auc: 0.75 },
    { row: 2, kind: "rung", name: "b", auc: 0.5 },
  ]);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { row: number }).row)).toEqual([0, 1, 2]);
});

it("drops a line truncated by a kill, at any byte", () => {
  const { path } = written();
  const text = readFileSync(path, "utf8");
  const last = text.lastIndexOf("\n", text.length - 2) + 1;
  for (const end of [last + 1, last + 20, text.length - 1]) {
    writeFileSync(path, text.slice(0, end));
    const again = new Ledger(join(path, ".."));
    expect(again.rows).toHaveLength(2);
    again.append({ kind: "rung", name: "b", auc: 0.5 });
    expect(readFileSync(path, "utf8")).toBe(text);
  }
});

it("refuses a changed byte before its end, and leaves the file unchanged", () => {
  const { folder, path } = written();
  const text = readFileSync(path, "utf8").replace("0.75", "0.76");
  writeFileSync(path, text);
  expect(() => new Ledger(folder)).toThrow(expect.objectContaining({ code: "ledger_damaged" }));
  expect(() => new Ledger(folder)).toThrow(/ledger\.jsonl:2/);
  expect(readFileSync(path, "utf8")).toBe(text);
});

it("refuses a file of another version, and leaves it unchanged", () => {
  const folder = temporaryFolder();
  new Ledger(folder).append({ kind: "question", version: LEDGER_VERSION + 1 });
  const path = join(folder, "ledger.jsonl");
  const text = readFileSync(path, "utf8");
  expect(() => new Ledger(folder)).toThrow(expect.objectContaining({ code: "ledger_mismatch" }));
  appendFileSync(path, "");
  expect(readFileSync(path, "utf8")).toBe(text);
});

it("truncates rows and appends after them", () => {
  const { folder } = written();
  const ledger = new Ledger(folder);
  ledger.truncate(2);
  ledger.append({ kind: "choice" });
  expect(new Ledger(folder).rows.map(({ kind }) => kind)).toEqual(["question", "rung", "choice"]);
});
