import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorFacts, fromPlainError, HashbrookError, toPlainError } from "../../src/core/errors.js";

const table = readFileSync("docs/ERRORS.md", "utf8");

it("documents exactly the existing error codes with their exit and HTTP status", () => {
  const documented = [...table.matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \|/gm)].map(([, code, exit, status]) => [
    code,
    Number(exit),
    Number(status),
  ]);
  expect(documented).toEqual(Object.entries(errorFacts).map(([code, { exit, status }]) => [code, exit, status]));
});

it("keeps code, message and hint across threads", () => {
  const error = new HashbrookError("source_missing", "a.tsv: is not there", { hint: "check the path" });
  const copy = fromPlainError(structuredClone(toPlainError(error)));
  expect(copy).toMatchObject({
    code: "source_missing",
    message: "a.tsv: is not there",
    hint: "check the path",
    exit: 3,
  });
});

it("distinguishes a defect from an expected error", () => {
  expect(toPlainError(new TypeError("x is undefined"))).toMatchObject({
    code: "internal",
    message: expect.stringContaining("TypeError: x is undefined"),
  });
});

it.each(["EACCES", "EROFS", "ENOSPC"])("does not call a file that the system refuses (%s) a defect", (code) => {
  const error = Object.assign(new Error(`${code}: refused, stat '/runs/ads'`), { code, path: "/runs/ads" });
  expect(toPlainError(error)).toEqual({
    code: "source_unreadable",
    message: `/runs/ads: ${code}: refused, stat '/runs/ads'`,
    hint: expect.stringMatching(/permission|read-only|space/),
  });
});

it("reports what the system refuses with a hint, wherever it happens, not as an internal error", () => {
  const refused = (code: string) => Object.assign(new Error(`${code}: it is so, open '/a'`), { code, path: "/a" });
  for (const [code, mend] of [
    ["ENOSPC", /free some space/],
    ["EDQUOT", /quota/],
    ["EROFS", /read-only/],
    ["EACCES", /permission denied/],
    ["EIO", /disk failed/],
    ["EISDIR", /is a folder/],
    ["ENOTDIR", /part of the path is a file/],
    ["ENAMETOOLONG", /shorter/],
    ["EEXIST", /has this name/],
    ["EFBIG", /ulimit -f/],
    ["ELOOP", /loop/],
    ["EBUSY", /another program/],
  ] as const) {
    const plain = toPlainError(refused(code));
    expect(plain).toMatchObject({ code: "source_unreadable", hint: expect.stringMatching(mend) });
  }
  const thread = Object.assign(new Error("Worker initialization failure: EMFILE"), { code: "ERR_WORKER_INIT_FAILED" });
  const process = Object.assign(new Error("EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" });
  expect(toPlainError(process)).toMatchObject({
    message: "a thread cannot be started: EAGAIN",
    hint: expect.stringContaining("ulimit -u"),
  });
  const full = Object.assign(new Error("JS heap out of memory"), { code: "ERR_WORKER_OUT_OF_MEMORY" });
  const loader = new Error("Cannot read package config /tmp/package.json: too many open files.");
  for (const error of [refused("EMFILE"), refused("ENFILE"), thread, process, loader, full])
    expect(toPlainError(error)).toMatchObject({ code: "runtime_unavailable", hint: expect.stringContaining("limit") });
});
