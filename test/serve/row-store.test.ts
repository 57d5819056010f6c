import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromHex64 } from "../../src/core/hash.js";
import { Rng } from "../../src/core/rng.js";
import { decodePart } from "../../src/delta-log/entry.js";
import type { KeptPlace } from "../../src/delta-log/live.js";
import { RowDirectory } from "../../src/row-store/row-directory.js";
import { Dispatcher } from "../../src/serve/threads/dispatcher.js";
import type { Current, HostedModel } from "../../src/serve/threads/host.js";
import { LocalHost, type LocalOptions } from "../../src/serve/threads/local-host.js";
import { servedSpec } from "../model/served.js";
import { servedSpecs, tower } from "./served-specs.js";
import { bodyOf, candidate, trainerOf } from "./trainer.js";

type Trainer = Awaited<ReturnType<typeof trainerOf>>;

/** Memory for about thirty rows: far less than the models have. */
const cacheBytes = 1500;

const placeOf = ({ hash, examples }: Trainer, number: number): KeptPlace => {
  const times = { epoch: 3, sent: 12, newestEvent: 7, held: null };
  return { run: hash, number, version: examples, link: String(number).padStart(16, "a"), ...times };
};

/** Scores of a host's model. */
function world(options: LocalOptions = {}) {
  const host = new LocalHost(options);
  const now: { current: Current | null } = { current: null };
  host.answer(() => now.current);
  const dispatcher = new Dispatcher(host.lanes);
  return {
    async open({ spec, hash }: Trainer): Promise<HostedModel> {
      const model = await host.open(JSON.parse(JSON.stringify(spec)), hash);
      now.current = { model, examples: 0 };
      return model;
    },
    async score(candidates: readonly object[]): Promise<number[]> {
      const { scores } = await dispatcher.score(bodyOf(candidates), {});
      return [...scores];
    },
    embeddingsOf: async (field: string, ids: readonly string[]) =>
      (await host.ask({ kind: "lookup", field, table: "ids", ids })).vectors,
  };
}

const folder = () => mkdtempSync(join(tmpdir(), "row-store-"));

const rng = new Rng(5);
const asked = Array.from({ length: 12 }, () => Array.from({ length: 1 + rng.below(130) }, () => candidate(rng)));

async function expected(trainer: Trainer): Promise<number[][]> {
  const scores: number[][] = [];
  for (const candidates of asked) scores.push(await trainer.answers(candidates));
  return scores;
}

describe("rows on disk", () => {
  it("cannot be where a file is, and the error says what to do: it had no hint", async () => {
    const file = join(folder(), "file");
    writeFileSync(file, "");
    await expect(RowDirectory.open(file, { cacheBytes })).rejects.toMatchObject({
      code: "row_store_write",
      message: expect.stringContaining(`--row-store ${file}: cannot be written: EEXIST`),
      hint: expect.stringContaining("has this name"),
    });
  });

  it.each(servedSpecs)(
    "score bit for bit like rows in memory, before and after a delta and a restart: %s",
    async (_, yaml) => {
      const path = folder();
      const trainer = await trainerOf(yaml);
      for (let i = 0; i < 3; i++) await trainer.learn();
      let rows = await RowDirectory.open(path, { cacheBytes });
      const first = world({ rows });
      const model = await first.open(trainer);
      const check = async ({ score }: ReturnType<typeof world>) => {
        const answers: number[][] = [];
        for (const candidates of asked) answers.push(await score(candidates));
        expect(answers).toEqual(await expected(trainer));
      };
      await model.apply([...trainer.model.serving.pack("all").states()], trainer.examples, placeOf(trainer, 0));
      trainer.delta();
      await check(first);
      await trainer.learn();
      await model.apply(trainer.delta(), trainer.examples, placeOf(trainer, 1));
      await check(first);
      await model.close();
      await rows.close();

      rows = await RowDirectory.open(path, { cacheBytes });
      const { kept } = rows;
      expect(kept).toMatchObject(placeOf(trainer, 1));
      const state = decodePart(kept!.frame.body).state;
      expect(state.tables).toEqual([]);
      const second = world({ rows });
      const again = await second.open(trainer);
      await again.apply([state], trainer.examples, kept!);
      await check(second);
      await again.close();
      await rows.close();
      await trainer.model.close();
    },
  );

  it.each(["f16", "int8", "int4"] as const)("are rounded to %s as rows in memory would be", async (precision) => {
    const rows = await RowDirectory.open(folder(), { cacheBytes });
    const trainer = await trainerOf(tower("hash"));
    await trainer.learn();
    const worlds = [world({ rows, precision }), world({ precision })];
    const models: HostedModel[] = [];
    for (const { open } of worlds) models.push(await open(trainer));
    for (const model of models)
      await model.apply([...trainer.model.serving.pack("all").states()], trainer.examples, placeOf(trainer, 0));
    for (const candidates of asked)
      expect(await worlds[0].score(candidates)).toEqual(await worlds[1].score(candidates));
    for (const model of models) await model.close();
    await rows.close();
    await trainer.model.close();
  });

  it("of a large entry are used immediately, and are complete if the process ended before they were in their tables", async () => {
    const path = folder();
    const trainer = await trainerOf(tower("exact"));
    await trainer.learn();
    const rows = await RowDirectory.open(path, { cacheBytes });
    const first = world({ rows });
    const model = await first.open(trainer);
    await model.apply([...trainer.model.serving.pack("all").states()], trainer.examples, placeOf(trainer, 0));
    trainer.delta();
    await trainer.learn();
    const delta = trainer.delta();
    const [{ name, dim }] = delta.flatMap(({ tables }) => tables);
    const keys = BigUint64Array.from({ length: 3000 }, (_, i) => BigInt(i) << 20n);
    const table = { name, dim, keys, weights: new Float32Array(keys.length * dim), removed: new BigUint64Array(0) };
    const many = { tables: [table], dense: [], statistics: null };
    await model.apply([...delta, many], trainer.examples, placeOf(trainer, 1));
    const killed = folder();
    mkdirSync(join(killed, "1"));
    cpSync(join(path, "1/data.mdb"), join(killed, "1/data.mdb"));
    const check = async ({ score }: ReturnType<typeof world>) => {
      const answers: number[][] = [];
      for (const candidates of asked) answers.push(await score(candidates));
      expect(answers).toEqual(await expected(trainer));
    };
    await check(first);
    await model.close();
    await rows.close();

    const tablesOf = (directory: RowDirectory) => decodePart(directory.kept!.frame.body).state.tables;
    const left = await RowDirectory.open(killed, { cacheBytes });
    expect(left.kept).toMatchObject(placeOf(trainer, 1));
    const { state } = decodePart(left.kept!.frame.body);
    expect(state.tables.some((some) => some.keys.length === 3000)).toBe(true);
    const second = world({ rows: left });
    const again = await second.open(trainer);
    await again.apply([state], trainer.examples, placeOf(trainer, 1));
    await check(second);
    await again.close();
    await left.close();
    for (const one of [path, killed]) {
      const whole = await RowDirectory.open(one, { cacheBytes });
      expect(tablesOf(whole)).toEqual([]);
      await whole.close();
    }
    await trainer.model.close();
  });

  it("of an id without one are the default row's, also if only the id is looked up", async () => {
    const trainer = await trainerOf(servedSpec("deep_crossing", { life: ", admission: { occurrence_threshold: 3 }" }));
    for (let i = 0; i < 3; i++) await trainer.learn();
    const [table] = trainer.model.tables;
    expect(table.stores[0].lookup(0xffffffffffffffffn)).not.toBeNull();
    const rows = await RowDirectory.open(folder(), { cacheBytes });
    const { open, embeddingsOf } = world({ rows });
    const model = await open(trainer);
    await model.apply([...trainer.model.serving.pack("all").states()], trainer.examples, placeOf(trainer, 0));
    const [{ key, vector, learned }] = await embeddingsOf("a", ["never seen"]);
    expect([learned, vector]).toEqual([false, [...(await table.vectorOf(fromHex64(key)))]]);
    await model.close();
    await rows.close();
    await trainer.model.close();
  });

  it("of an incomplete snapshot are removed", async () => {
    const path = folder();
    const trainer = await trainerOf(tower("exact"));
    await trainer.learn();
    const rows = await RowDirectory.open(path);
    const model = await world({ rows }).open(trainer);
    await model.apply([...trainer.model.serving.pack("all").states()], trainer.examples);
    expect(readdirSync(path)).toContain("1");
    await model.close();
    await rows.close();
    expect(readdirSync(path)).toEqual([]);
    await trainer.model.close();
  });

  it("belong to one server at a time", async () => {
    const path = folder();
    const rows = await RowDirectory.open(path);
    await expect(RowDirectory.open(path)).rejects.toMatchObject({ code: "row_store_locked" });
    await rows.close();
    await (await RowDirectory.open(path)).close();
  });
});
