import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashbrook } from "../../src/cli/program.js";
import { verifyLog } from "../../src/impression-log/verify.js";
import { Scorer } from "../../src/serve/scorer.js";
import { predict } from "../../src/train/prediction/predict.js";
import { train } from "../../src/train/train.js";
import { run, temporary } from "../e2e/hashbrook.js";
import { event, shop, twoVersions } from "../serve/served.js";
import { logged } from "./logged.js";

const NESTED = `
name: nested
events: { format: json }
label: { field: click }
fields: [{ name: a, type: categorical, table: as }, { name: b, type: categorical, table: bs }]
tables: { as: { dim: 4, encoding: hash, rows: 64 }, bs: { dim: 4, encoding: hash, rows: 64 } }
tower: { deep_crossing: { residual: [4] } }
train: { batch: 16, nested: true }
`;

let served: Awaited<ReturnType<typeof shop>>;
let file: string;
let lines: string[];
beforeAll(async () => {
  served = await shop();
  const asked = Array.from({ length: 40 }, (_, i) => {
    const { user, item } = JSON.parse(event(i)) as { user: object; item: object };
    const candidates = Array.from({ length: 1 + (i % 30) }, (_, c) => ({ item: { ...item, id: `i${c}` } }));
    return { id: `r-${i}`, body: { context: { user, item: { price: i } }, candidates } };
  });
  file = await logged(temporary(), served.scorer, asked);
  lines = readFileSync(file, "utf8").trimEnd().split("\n");
});
afterAll(() => served.close());

/** The log with one line changed. */
function changed(line: number, change: (text: string) => string): string {
  const path = join(temporary(), "log.jsonl");
  writeFileSync(path, lines.map((text, i) => (i === line ? change(text) : text)).join("\n"));
  return path;
}

const verify = (...log: string[]) => verifyLog({ log, checkpoint: served.checkpoint });

describe("verify", () => {
  it("reproduces the scores of a log, bit for bit; from a server with threads, too", async () => {
    const report = await verify(join(file, ".."));
    expect(report).toMatchObject({ verified: lines.length, others: [], difference: null, version: 3000 });
    const threads = await Scorer.load(served.checkpoint, { workers: 1 });
    const body = { context: { user: { id: 7 } }, candidates: [{ item: { id: "i1" } }, {}] };
    const other = await logged(temporary(), threads, [{ id: "t", body }]);
    await threads.close();
    expect(await verify(file, other)).toMatchObject({ verified: lines.length + 2, difference: null });
  });

  it("agrees with predict on the log itself", async () => {
    const out = join(temporary(), "scores.txt");
    await predict({ checkpoint: served.checkpoint, data: [file], out });
    const scores = readFileSync(out, "utf8").trimEnd().split("\n").map(Number);
    expect(scores.map(Math.fround)).toEqual(lines.map((line) => JSON.parse(line).hashbrook.probability));
  });

  it("names the first difference: a last bit, a changed event, an unreadable event", async () => {
    const nudged = changed(17, (text) =>
      text.replace(/"probability":([\d.e-]+)/, (_, p) => `"probability":${Math.fround(Number(p) * (1 + 2 ** -23))}`),
    );
    const { request, position } = JSON.parse(lines[17]).hashbrook;
    const place = { file: nudged, line: 18, request, position };
    const { difference, verified } = await verify(nudged);
    expect(difference).toMatchObject({ ...place, what: "probability" });
    expect(Math.abs(difference!.logged! - difference!.scored!)).toBeLessThan(1e-6);
    expect(verified).toBeLessThan(18);
    const moved = changed(17, (text) => text.replace('"price":', '"price":1'));
    expect((await verify(moved)).difference).toMatchObject({ ...place, file: moved, what: "probability" });
    const broken = changed(17, (text) => text.replace(/"price":\d+/, '"price":"x"'));
    expect((await verify(broken)).difference).toMatchObject({
      line: 18,
      what: "event",
      reject: "bad_type (item.price)",
    });
  });

  it("counts events scored by other versions, and fails if there is none of this one", async () => {
    const { older, newer, body } = await twoVersions();
    const folders = await Promise.all(
      [older, newer].map(async (checkpoint, i) => {
        const scorer = await Scorer.load(checkpoint);
        const path = await logged(temporary(), scorer, [{ id: `v${i}`, body: JSON.parse(body) }]);
        await scorer.close();
        return path;
      }),
    );
    const report = await verifyLog({ log: folders, checkpoint: newer });
    expect(report).toMatchObject({ verified: 3, difference: null, others: [{ version: 1000, events: 3 }] });
    await expect(verifyLog({ log: folders.slice(0, 1), checkpoint: newer })).rejects.toMatchObject({
      code: "nothing_verified",
      message: expect.stringMatching(/no candidate of the log was scored by ads-demo-lr 2000/),
      hint: expect.stringContaining("ads-demo-lr 1000 (3)"),
    });
  });

  it("detects another precision, empty logs, and files that are not logs", async () => {
    const int8 = await Scorer.load(served.checkpoint, { precision: "int8" });
    const body = { candidates: [{ item: { id: "i1" } }] };
    const path = await logged(temporary(), int8, [{ id: "p", body }], { serving: { precision: "int8" } });
    await int8.close();
    await expect(verify(path)).rejects.toMatchObject({ code: "nothing_verified" });
    const report = await verifyLog({ log: [path], checkpoint: served.checkpoint, precision: "int8" });
    expect(report).toMatchObject({ verified: 1, difference: null });
    const empty = join(temporary(), "empty.jsonl");
    writeFileSync(empty, "\n");
    await expect(verify(empty)).rejects.toMatchObject({ code: "nothing_verified", hint: "the log is empty" });
    await expect(verify(temporary())).rejects.toMatchObject({ code: "source_missing" });
    const foreign = changed(4, () => event(1));
    await expect(verify(foreign)).rejects.toMatchObject({
      message: `${foreign}:5: not a line of an impression log`,
    });
  });

  it("names the unfinished file of a killed server", async () => {
    const folder = temporary();
    const names = ["A", "B"].map((time) => join(folder, `impressions-${time}-w-000000.jsonl`));
    writeFileSync(names[0], lines.join("\n"));
    writeFileSync(`${names[1]}.part`, lines[0]);
    writeFileSync(join(folder, "other.part"), "");
    expect(await verify(folder)).toMatchObject({ verified: lines.length, unfinished: [`${names[1]}.part`] });
    expect(await verify(names[0])).toMatchObject({ unfinished: [] });
    const { stderr } = await run(["verify", "--log", folder, "--checkpoint", served.checkpoint]);
    expect(stderr).toMatch(
      /^hashbrook: skipped .*impressions-B-w-000000\.jsonl\.part: a server is writing it, or was killed/,
    );
  });

  it("recognizes a server's dims in any order", async () => {
    const [spec, data, checkpoint] = ["nested.yaml", "events.jsonl", "run"].map((name) => join(temporary(), name));
    writeFileSync(spec, NESTED);
    writeFileSync(data, '{"click":1,"a":"x","b":"y"}\n{"click":0,"a":"z","b":"y"}\n');
    await train({ model: spec, data, out: checkpoint });
    const body = { candidates: [{ a: "x", b: "y" }] };
    const paths = await Promise.all(
      [
        { a: 2, b: 1 },
        { b: 1, a: 2 },
      ].map(async (dims, i) => {
        const scorer = await Scorer.load(checkpoint, { dims });
        const path = await logged(temporary(), scorer, [{ id: `d${i}`, body }], { serving: { dims } });
        await scorer.close();
        return path;
      }),
    );
    const report = await verifyLog({ log: paths, checkpoint, dims: { a: 2, b: 1 } });
    expect(report).toMatchObject({ verified: 2, others: [], difference: null });
    await expect(verifyLog({ log: paths, checkpoint, dims: { a: 1, b: 1 } })).rejects.toMatchObject({
      code: "nothing_verified",
      hint: expect.stringContaining("the log contains versions nested 2 (2)"),
    });
  });

  it("ends with status 4 at a difference, reported on standard error", async () => {
    const before = process.exitCode;
    const output: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => output.push(text)) as unknown as typeof write;
    try {
      const wrong = changed(0, (text) => text.replace(/"probability":[\d.e-]+/, '"probability":0.5'));
      expect(await hashbrook(["verify", "--log", wrong, "--checkpoint", served.checkpoint, "--json"])).toBe(0);
      expect(process.exitCode).toBe(4);
      expect(output.join("")).toMatch(
        /log\.jsonl:1: request r-0, candidate 0: probability is 0\.5 in the log, but 0\.\d+ with/,
      );
    } finally {
      process.stderr.write = write;
      process.exitCode = before;
    }
  });
});
