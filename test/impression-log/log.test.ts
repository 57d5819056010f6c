import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Files, nodeFiles } from "../../src/core/files.js";
import { DirectorySink } from "../../src/impression-log/directory-sink.js";
import { LogWriter } from "../../src/impression-log/log-writer.js";
import { isSampled, Recorder, type RecorderOptions } from "../../src/impression-log/recorder.js";
import { createServer } from "../../src/serve/server.js";
import { temporary } from "../e2e/hashbrook.js";
import { shop } from "../serve/served.js";
import { until } from "../until.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

const NOON = Date.UTC(2026, 10, 28, 12);
const namesIn = (folder: string) => readdirSync(folder).sort();
const linesIn = (folder: string) =>
  namesIn(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1));

/** A server that logs into a folder, with the given files. */
function logging(options: Partial<RecorderOptions> = {}, files: Files = nodeFiles, fileBytes = 1 << 20) {
  const folder = temporary();
  const clock = { now: NOON };
  const notes: string[] = [];
  const sink = new DirectorySink(folder, { now: () => clock.now, writer: "w", files, fileBytes });
  const tell = (text: string) => notes.push(text);
  const recorder = new Recorder(new LogWriter(sink, {}), { share: 1, tell, ...options });
  const app = createServer(served.scorer, { impressions: recorder, maxEventLoopDelay: 0 });
  const score = (id: string, body: object, url = "/v1/score") =>
    app.inject({
      method: "POST",
      url,
      headers: { "content-type": "application/json", "x-request-id": id },
      payload: body,
    });
  return { folder, clock, notes, sink, recorder, score, metrics: async () => (await app.inject("/metrics")).body };
}

const candidates = [{ item: { id: "i3", maker: "m3", price: 4 } }, { item: { id: "i39" } }];
const body = { context: { user: { id: "u1" } }, candidates };

describe("a server's impression log", () => {
  it("goes on after its thread has ended: everything was dropped until the server was started again", async () => {
    const folder = temporary();
    const notes: string[] = [];
    const workers: Worker[] = [];
    const started = (worker: Worker) => workers.push(worker);
    process.on("worker", started);
    const recorder = await Recorder.open(folder, {}, { share: 1, tell: (text) => notes.push(text) });
    const app = createServer(served.scorer, { impressions: recorder, maxEventLoopDelay: 0 });
    const score = () => app.inject({ method: "POST", url: "/v1/score", payload: body });
    await score();
    await until(() => recorder.counts.written === 2);
    await workers[0].terminate();
    await until(async () => {
      await score();
      return recorder.counts.written > 2;
    });
    expect(notes).toContainEqual(expect.stringMatching(/the writer thread of the impression log ended.*started again/));
    const { written } = recorder.counts;
    await recorder.close();
    expect(linesIn(folder).length).toBeGreaterThanOrEqual(written);
    process.off("worker", started);
  });

  it("has a line for every candidate as it was scored, for any form of request", async () => {
    const { folder, recorder, score } = logging();
    const answer = (await score("a-1", body)).json();
    await score("a-2", { context: body.context, columns: { "item.id": ["i3", "i39"] } });
    await score("a-3", { context: body.context, candidates: [1] });
    const inputs = [{ name: "user", shape: [1], datatype: "INT64", data: [7] }];
    await score("a-4", { inputs }, "/v2/models/shop/infer");
    await recorder.close();
    const lines = linesIn(folder).map((line) => JSON.parse(line));
    expect(lines.map(({ hashbrook: { request, position } }) => `${request}/${position}`)).toEqual([
      "a-1/0",
      "a-1/1",
      "a-2/0",
      "a-2/1",
      "a-4/0",
    ]);
    expect(lines.slice(0, 2).map(({ hashbrook }) => hashbrook.probability)).toEqual(answer.scores);
    expect(lines[1]).toMatchObject({
      user: { id: "u1" },
      item: { id: "i39" },
      hashbrook: { version: 3000, candidates: 2 },
    });
    expect(namesIn(folder)).toEqual(["impressions-20261128T120000000Z-w-000001.jsonl"]);
  });

  it("has a share of the requests, the same on every server, with all candidates of each", async () => {
    const ids = Array.from({ length: 2000 }, (_, i) => `request-${i}`);
    const sampled = ids.filter((id) => isSampled(id, 0.1));
    expect(sampled.length).toBeGreaterThan(150);
    expect(sampled.length).toBeLessThan(250);
    expect(sampled.every((id) => isSampled(id, 0.2) && isSampled(id, 1))).toBe(true);
    const { folder, recorder, score } = logging({ share: 0.1 });
    for (const id of [sampled[0], ids.find((id) => !isSampled(id, 0.1))!, sampled[1]]) await score(id, body);
    await recorder.close();
    const found = linesIn(folder).map((line) => JSON.parse(line).hashbrook.request);
    expect(found).toEqual([sampled[0], sampled[0], sampled[1], sampled[1]]);
  });

  it("drops and counts what does not fit the queue, and answers nevertheless", async () => {
    const { folder, recorder, score, notes, metrics } = logging({ queueBytes: 200 });
    const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => score(`q-${i}`, body)));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(new Array(6).fill(200));
    await recorder.close();
    const { written, dropped, waiting } = recorder.counts;
    expect([written + dropped.queue, waiting]).toEqual([12, 0]);
    expect(dropped.queue).toBeGreaterThan(0);
    expect(linesIn(folder)).toHaveLength(written);
    expect(notes).toEqual([`impression log: ${dropped.queue} candidates were dropped, ${written} written`]);
    expect(await metrics()).not.toContain("impressions");
  });

  it("counts what a full disk does not take, reports it once, and continues after the last complete line", async () => {
    let full = false;
    const write: Files["write"] = (file, data, at) => {
      if (!full) return nodeFiles.write(file, data, at);
      nodeFiles.write(file, data.subarray(0, 10), at);
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    };
    const { folder, recorder, score, notes } = logging({}, { ...nodeFiles, write });
    const settled = () => expect.poll(() => recorder.counts.waiting).toBe(0);
    await score("before", body);
    await settled();
    full = true;
    for (const id of ["lost-1", "lost-2"]) {
      expect((await score(id, body)).statusCode).toBe(200);
      await settled();
    }
    full = false;
    await score("after", body);
    await recorder.close();
    expect(recorder.counts).toEqual({ written: 4, dropped: { queue: 0, write: 4, too_long: 0 }, waiting: 0 });
    expect(linesIn(folder).map((line) => JSON.parse(line).hashbrook.request)).toEqual([
      "before",
      "before",
      "after",
      "after",
    ]);
    expect(notes).toEqual([
      expect.stringMatching(/could not be written: no space left on device; scoring continues without it$/),
      "impression log: writing again",
      "impression log: 4 candidates were dropped, 4 written",
    ]);
  });

  it.each(["fsync", "rename", "syncDirectory"] as const)(
    "a full file whose %s fails is renamed at a later tick; its lines are kept, and counted as written",
    async (step) => {
      let broken = false;
      const tried = (...given: never[]) => {
        if (broken) throw Object.assign(new Error("i/o error"), { code: "EIO" });
        return (nodeFiles[step] as (...args: never[]) => void)(...given);
      };
      const { folder, sink, recorder, score } = logging({}, { ...nodeFiles, [step]: tried }, 100);
      broken = true;
      await score("a", body);
      await expect.poll(() => recorder.counts.written).toBe(2);
      expect(() => sink.tick()).toThrow("i/o error");
      broken = false;
      sink.tick();
      expect(namesIn(folder).map((name) => name.split(".").at(-1))).toEqual(["jsonl"]);
      await score("b", body);
      await recorder.close();
      expect(recorder.counts).toEqual({ written: 4, dropped: { queue: 0, write: 0, too_long: 0 }, waiting: 0 });
      expect(namesIn(folder).map((name) => name.split(".").at(-1))).toEqual(["jsonl", "jsonl"]);
      expect(linesIn(folder)).toHaveLength(4);
    },
  );

  it("is begun again if its directory is removed, and what it had is counted and reported as lost", async () => {
    const { folder, notes, recorder, sink, score } = logging();
    const writer = recorder as unknown as { hand(): void; last: Promise<unknown> };
    const written = async (id: string) => {
      await score(id, body);
      writer.hand();
      await writer.last;
    };
    await written("r-1");
    rmSync(folder, { recursive: true });
    await recorder.tick();
    expect(notes).toEqual([
      expect.stringMatching(/was removed while it was written: 2 lines are lost; scoring continues/),
    ]);
    expect(recorder.counts.dropped.write).toBe(2);
    await written("r-2");
    expect(notes[1]).toBe("impression log: writing again");
    await recorder.close();
    expect(linesIn(folder).map((line) => JSON.parse(line).hashbrook.request)).toEqual(["r-2", "r-2"]);
    expect(sink.lost()).toBe(0);
  });

  it("is split into files by size and age, which are renamed when complete", async () => {
    const { folder, clock, sink, recorder, score } = logging({}, nodeFiles, 800);
    for (const id of ["a", "b", "c", "d"]) {
      await score(id, body);
      await expect.poll(() => recorder.counts.waiting).toBe(0);
    }
    expect(namesIn(folder).filter((name) => name.endsWith(".jsonl"))).toHaveLength(2);
    await score("e", body);
    await expect.poll(() => recorder.counts.written).toBe(10);
    expect(namesIn(folder).at(-1)).toMatch(/\.jsonl\.part$/);
    sink.tick();
    clock.now += 600_000;
    sink.tick();
    expect(namesIn(folder).every((name) => name.endsWith(".jsonl"))).toBe(true);
    await recorder.close();
    expect(linesIn(folder)).toHaveLength(10);
  });

  it("completes a file left by a killed server, without its truncated last line, unless it is still being written", () => {
    const folder = temporary();
    const left = (time: string) => join(folder, `impressions-${time}-abc-000001.jsonl.part`);
    writeFileSync(left("20261128T100000000Z"), '{"a":1}\n{"a":2}\n{"a":');
    writeFileSync(left("20261128T115500000Z"), '{"a":3}\n{"a":');
    writeFileSync(left("20261128T090000000Z"), '{"a":');
    new DirectorySink(folder, { now: () => NOON, writer: "w" });
    const text = (path: string) => readFileSync(path, "utf8");
    expect(text(left("20261128T100000000Z").replace(".part", ""))).toBe('{"a":1}\n{"a":2}\n');
    expect(text(left("20261128T090000000Z").replace(".part", ""))).toBe("");
    expect(existsSync(left("20261128T115500000Z"))).toBe(true);
  });

  it("is refused if it is not writable, before any request is answered", async () => {
    const file = join(temporary(), "file");
    writeFileSync(file, "");
    await expect(Recorder.open(file, {}, { share: 1, tell: () => {} })).rejects.toMatchObject({
      code: "log_write",
      message: expect.stringContaining("could not be written"),
    });
  });
});
