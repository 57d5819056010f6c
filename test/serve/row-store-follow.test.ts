import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import { nodeFiles } from "../../src/core/files.js";
import { Rng } from "../../src/core/rng.js";
import type { DeltaSink } from "../../src/delta-log/delta-log.js";
import { readFrames } from "../../src/delta-log/directory.js";
import { DirectorySink } from "../../src/delta-log/directory-sink.js";
import { readFacts } from "../../src/delta-log/entry.js";
import { ObjectSink } from "../../src/delta-log/object-sink.js";
import { openFollow } from "../../src/delta-log/open.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import { openStore } from "../../src/object-store/open-store.js";
import { openDatabase, openTable } from "../../src/row-store/lmdb.js";
import { RowDatabase } from "../../src/row-store/row-database.js";
import { RowDirectory } from "../../src/row-store/row-directory.js";
import { checkRun } from "../../src/serve/models/stored-model.js";
import { Scorer } from "../../src/serve/scorer.js";
import { tower } from "./served-specs.js";
import { bodyOf, candidate, trainerOf } from "./trainer.js";

type Trainer = Awaited<ReturnType<typeof trainerOf>>;

const folder = () => mkdtempSync(join(tmpdir(), "row-store-"));
const rng = new Rng(5);
const asked = Array.from({ length: 4 }, () => Array.from({ length: 90 }, () => candidate(rng)));

/** A trainer and its log. */
async function publishing(sink: DeltaSink) {
  const trainer = await trainerOf(tower("exact"));
  const options = { sink, spec: JSON.parse(JSON.stringify(trainer.spec)), run: trainer.hash, partBytes: 8000 };
  const publisher = new Publisher({ ...options, snapshotEvery: 10 });
  return {
    trainer,
    async publish(): Promise<number> {
      await trainer.learn();
      return publisher.publish(trainer.model.serving, trainer.examples, [trainer.examples], trainer.changes.take());
    },
  };
}

async function expected(trainer: Trainer): Promise<number[][]> {
  const scores: number[][] = [];
  for (const candidates of asked) scores.push(await trainer.answers(candidates));
  return scores;
}

async function answers(scorer: Scorer, until: number): Promise<number[][]> {
  while ((scorer.health().replica?.number ?? -1) < until) await sleep(5);
  const scores: number[][] = [];
  for (const candidates of asked) scores.push((await scorer.score(bodyOf(candidates))).scores);
  return scores;
}

/** A scorer that continues from a store. */
async function following(log: string, store: string) {
  const rows = await RowDirectory.open(store, { cacheBytes: 1500 });
  const { kept } = rows;
  const scorer = Scorer.follow(openFollow(log), { rowStore: rows });
  return {
    rows,
    kept,
    scorer,
    async close() {
      await scorer.close();
      await rows.close();
    },
  };
}

describe.each([
  [
    "a directory",
    "delta-000000000005.hbd",
    (path: string) => [path, new DirectorySink(path, { epoch: 3, now: () => 77 })] as const,
  ],
  [
    "objects",
    null,
    async (path: string) => {
      const log = `objects:${path}`;
      return [log, await ObjectSink.open(openStore(log), { epoch: 3, now: () => 77 })] as const;
    },
  ],
])("a scorer with rows on disk that follows %s", (_, gone, logIn) => {
  it("continues from its rows if the snapshots are gone, and starts over if the deltas are", async () => {
    const [path, store] = [folder(), folder()];
    const [log, sink] = await logIn(path);
    const { trainer, publish } = await publishing(sink);
    for (let i = 0; i < 3; i++) await publish();
    let run = await following(log, store);
    expect(await answers(run.scorer, 2)).toEqual(await expected(trainer));
    await run.close();
    const snapshots = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.includes("snapshot-"),
    );
    expect(snapshots.length).toBeGreaterThan(0);
    for (const name of snapshots) rmSync(join(path, name));
    for (let i = 0; i < 2; i++) await publish();
    run = await following(log, store);
    expect(await openFollow(log).run?.()).toBe(trainer.hash);
    checkRun({ kept: run.kept, path }, trainer.hash);
    expect(() => checkRun({ kept: run.kept, path }, "0123456789abcdef")).toThrow(
      /holds rows of spec [0-9a-f]{16}, but the model's spec is 0123456789abcdef/,
    );
    expect(run.kept).toMatchObject({ number: 2, epoch: 3, sent: 77, newestEvent: 192 });
    expect(await answers(run.scorer, 4)).toEqual(await expected(trainer));
    await run.close();
    if (gone) {
      for (let i = 0; i < 9; i++) await publish();
      rmSync(join(path, gone));
      run = await following(log, store);
      expect(await answers(run.scorer, 13)).toEqual(await expected(trainer));
      await run.close();
    }
    expect(readdirSync(store)).toHaveLength(1);
    await trainer.model.close();
  });
});

describe("a scorer with rows on disk", () => {
  let log: string;
  let world: Awaited<ReturnType<typeof publishing>>;

  beforeAll(async () => {
    log = folder();
    world = await publishing(new DirectorySink(log, { epoch: 3, now: () => 77 }));
    for (let i = 0; i < 8; i++) await world.publish();
  });
  afterAll(() => world.trainer.model.close());

  it("continues bit for bit like rows in memory wherever it was killed, within a transaction or after one", async () => {
    const store = folder();
    const input = JSON.stringify(asked.map((candidates) => ({ context: {}, candidates })));
    const child = (...kill: readonly (string | number)[]) => {
      const args = ["test/serve/row-store-child.mjs", log, store, "7", ...kill.map(String)];
      return spawnSync(process.execPath, args, { input, encoding: "utf8" });
    };
    const [{ body }] = readFrames(nodeFiles, join(log, "snapshot-000000000000.hbd"));
    const { parts } = readFacts(body);
    expect(parts).toBeGreaterThan(2);
    // In the snapshot, in its later parts, after them; then in deltas and in their rows, and after those.
    for (const kill of [
      [2, "inside"],
      [parts, "inside"],
      [parts, "after"],
      [2, "inside"],
      [3, "after"],
      [3, "inside"],
    ])
      expect(child(...kill)).toMatchObject({ signal: "SIGKILL", stderr: "" });
    const { stdout, stderr } = child();
    expect(stderr).toBe("");
    const { began, scores, resyncs } = JSON.parse(stdout);
    expect(began).toBe(1);
    expect({ scores, resyncs }).toEqual({ scores: await expected(world.trainer), resyncs: 0 });
  });

  it("reports a damaged row, and rebuilds the store with the next entry", async () => {
    const store = folder();
    let run = await following(log, store);
    await answers(run.scorer, 7);
    await run.close();
    const root = await openDatabase(join(store, "1"));
    const rows = openTable(root, "rows/ids");
    for (const { key, value } of rows.getRange()) {
      value[1] ^= 4;
      rows.putSync(key, value);
    }
    await root.close();
    run = await following(log, store);
    await expect(answers(run.scorer, 7)).rejects.toMatchObject({ code: "row_store_damaged" });
    const number = await world.publish();
    expect(await answers(run.scorer, number)).toEqual(await expected(world.trainer));
    await run.close();
    expect(readdirSync(store)).toEqual(["2"]);
  });

  it("keeps answering from the previous state if its disk is full, and continues once there is space", async () => {
    const { scorer, close } = await following(log, folder());
    const last = await world.publish();
    expect(await answers(scorer, last)).toEqual(await expected(world.trainer));
    const before = await expected(world.trainer);
    const { write } = RowDatabase.prototype;
    RowDatabase.prototype.write = () => {
      throw new HashbrookError("row_store_write", "no room");
    };
    await world.publish();
    try {
      while (!scorer.health().replica?.trouble) await sleep(5);
      expect(scorer.health().replica?.trouble).toBe("no room");
      expect(await answers(scorer, last)).toEqual(before);
    } finally {
      RowDatabase.prototype.write = write;
    }
    expect(await answers(scorer, last + 1)).toEqual(await expected(world.trainer));
    await expect.poll(() => scorer.health().replica?.trouble).toBeNull();
    await close();
  });
});
