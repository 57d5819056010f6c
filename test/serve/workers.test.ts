import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it, vi } from "vitest";
import { Rng } from "../../src/core/rng.js";
import type { ServingState } from "../../src/delta-log/state.js";
import type { ModelCalls } from "../../src/serve/models/model-calls.js";
import { Dispatcher, type NearLane } from "../../src/serve/threads/dispatcher.js";
import { Gate } from "../../src/serve/threads/gate.js";
import type { Current, Host, HostedModel } from "../../src/serve/threads/host.js";
import { LocalHost } from "../../src/serve/threads/local-host.js";
import type { ThreadCalls } from "../../src/serve/threads/thread-calls.js";
import { ScoringThreads } from "../../src/serve/threads/threads.js";
import type { TurnCount } from "../../src/serve/threads/turn-count.js";
import { until } from "../until.js";
import { servedSpecs, tower } from "./served-specs.js";
import { bodyOf, candidate, trainerOf } from "./trainer.js";

type Calls = { readonly worker: Worker };
type Trainer = Awaited<ReturnType<typeof trainerOf>>;

/** A host with the models that it serves. @param near scores a few requests */
function world(host: Host, near?: NearLane) {
  const now: { current: Current | null } = { current: null };
  host.answer(() => now.current);
  const dispatcher = new Dispatcher(host.lanes, undefined, near);
  return {
    host,
    dispatcher,
    /** Makes the complete model of the trainer answer. */
    async open({ spec, hash, model, examples, delta }: Trainer) {
      const hosted = await host.open(JSON.parse(JSON.stringify(spec)), hash);
      await hosted.apply([...model.serving.pack("all").states()], examples);
      delta();
      now.current = { model: hosted, examples };
      return hosted;
    },
    /** Applies an update between two runs. */
    change: (model: HostedModel, states: readonly ServingState[], examples: number) =>
      host.between(async () => {
        await model.apply(states, examples);
        now.current = { model, examples };
      }),
    async score(candidates: readonly object[]) {
      const { scores, calibrated, model } = await dispatcher.score(bodyOf(candidates), {});
      return { scores: [...scores], calibrated: calibrated && [...calibrated], version: model.version };
    },
  };
}

/** A host's lane in this thread that takes a few requests whatever else the thread does, and counts its turns. */
class EagerLane implements NearLane {
  turns = 0;
  ready = true;
  private readonly lane: NearLane;

  constructor({ near }: Host) {
    this.lane = near!;
  }

  async turn(...asked: Parameters<NearLane["turn"]>) {
    this.turns++;
    this.ready = false;
    try {
      return await this.lane.turn(...asked);
    } finally {
      this.ready = true;
    }
  }
}

const pool = new ScoringThreads(2, Number.POSITIVE_INFINITY);
const threads = world(pool.host());
const local = world(new LocalHost());
const nearHost = pool.host();
const eager = new EagerLane(nearHost);
const near = world(nearHost, eager);
afterAll(async () => {
  await threads.dispatcher.close();
  await pool.close();
});

it.each(servedSpecs)("threads score bit for bit like predict, whatever is scored together: %s", async (_, yaml) => {
  const trainer = await trainerOf(yaml);
  for (let i = 0; i < 3; i++) await trainer.learn();
  const hosted = [await threads.open(trainer), await local.open(trainer), await near.open(trainer)];
  const rng = new Rng(5);
  const asked = Array.from({ length: 24 }, () => Array.from({ length: 1 + rng.below(130) }, () => candidate(rng)));
  const check = async () => {
    const expected: number[][] = [];
    for (const candidates of asked) expected.push(await trainer.answers(candidates));
    const all = [];
    for (const { score } of [threads, local]) {
      const answers = await Promise.all(asked.map((candidates) => score(candidates)));
      expect(answers.map(({ scores }) => scores)).toEqual(expected);
      all.push(answers.map(({ calibrated }) => calibrated));
    }
    expect(all[0]).toEqual(all[1]);
    expect(all[0].every(Boolean)).toBe(trainer.model.calibrator !== null);
    const before = eager.turns;
    for (const [i, candidates] of asked.entries()) {
      const few = candidates.slice(0, 10);
      expect((await near.score(few)).scores).toEqual(expected[i].slice(0, few.length));
    }
    expect(eager.turns).toBe(before + asked.length);
  };
  await check();
  await trainer.learn();
  const states = trainer.delta();
  for (const model of hosted) await model.apply(states, trainer.examples);
  await check();
  expect(hosted[0].slices).toEqual(hosted[1].slices);
  for (const model of hosted) await model.close();
  await trainer.model.close();
});

/** Rows of ids that no request has: so many that a thread's model takes the update a few at a time. */
function others(states: readonly ServingState[], rows: number): ServingState[] {
  const [{ name, dim }] = states.flatMap(({ tables }) => tables);
  const keys = BigUint64Array.from({ length: rows }, (_, i) => BigInt(i) << 20n);
  const table = { name, dim, keys, weights: new Float32Array(rows * dim), removed: new BigUint64Array(0) };
  return [{ tables: [table], dense: [], statistics: null }];
}

describe("while entries are applied every few milliseconds", () => {
  it.each([
    ["threads", threads, 0],
    ["threads, large ones", threads, 10_000],
    ["the calling thread", local, 0],
    ["both", near, 0],
    ["both, large ones", near, 10_000],
  ])("all scores of a response come from one version, in %s", async (_, { open, score, change }, more) => {
    const trainer = await trainerOf(tower("exact"));
    await trainer.learn();
    const hosted = await open(trainer);
    const rng = new Rng(7);
    const few = [candidate(rng)];
    const many = Array.from({ length: 1500 }, () => candidate(rng));
    const expected = new Map<number, { few: number[]; many: number[] }>();
    const note = async () =>
      void expected.set(trainer.examples, { few: await trainer.answers(few), many: await trainer.answers(many) });
    await note();
    const states = [];
    for (let i = 0; i < 16; i++) {
      await trainer.learn();
      await note();
      const delta = trainer.delta();
      states.push({ delta: [...delta, ...(more > 0 ? others(delta, more) : [])], examples: trainer.examples });
    }
    let done = false;
    const versions = new Set<number>();
    const ask = async (name: "few" | "many", candidates: readonly object[]) => {
      while (!done) {
        const { scores, version } = await score(candidates);
        versions.add(version);
        expect(scores).toEqual(expected.get(version)![name]);
      }
    };
    const asking = Promise.all([ask("many", many), ask("many", many), ask("few", few), ask("few", few)]);
    try {
      for (const [i, { delta, examples }] of states.entries()) {
        await change(hosted, delta, examples);
        await sleep(5);
        // On a busy machine all of them would be over before four versions have answered.
        if (i % 4 === 3) await Promise.race([until(() => versions.has(examples)), asking]);
      }
    } finally {
      done = true;
    }
    await asking;
    expect(versions.size).toBeGreaterThan(3);
    await hosted.close();
    await trainer.model.close();
  });
});

describe("in threads", () => {
  it("nothing is left of a model that a thread cannot attach to: a watched run would add one at every attempt", async () => {
    const own = new ScoringThreads(2);
    const { threads, models, holder } = own as unknown as {
      threads: { attach(): Promise<void> }[];
      models: Map<number, unknown>;
      holder: ThreadCalls<ModelCalls>;
    };
    const trainer = await trainerOf(tower("exact"));
    threads[1].attach = async () => {
      throw new Error("no memory");
    };
    await expect(world(own.host()).open(trainer)).rejects.toThrow("no memory");
    expect(models.size).toBe(0);
    await expect(holder.call("fill", { id: 0 })).rejects.toMatchObject({ code: "internal" });
    await own.close();
    await trainer.model.close();
  });

  it("a thread that was given up does not prevent that other models are loaded", async () => {
    const own = new ScoringThreads(2);
    const [thread] = (own as unknown as { threads: { calls: Calls }[] }).threads;
    for (let i = 0; i < 3; i++) {
      // Before there is a model: a thread that is terminated while it runs one may end the process.
      await thread.calls.worker.terminate();
      await sleep(1);
    }
    const trainer = await trainerOf(tower("exact"));
    expect((await world(own.host()).open(trainer)).specHash).toBe(trainer.hash);
    await own.close();
    await trainer.model.close();
  });

  it("an invalid request does not affect others", async () => {
    const trainer = await trainerOf(tower("exact"));
    await trainer.learn();
    const hosted = await threads.open(trainer);
    const rng = new Rng(9);
    const good = Array.from({ length: 40 }, () => [candidate(rng), candidate(rng)]);
    const expected = [];
    for (const candidates of good) expected.push(await trainer.answers(candidates));
    const bad = ['{"candidates":[{"a":"x"},{"a":[1]}]}', '{"candidates":[{"x":"y"}]}', '{"candidates":[{}', "[]", ""];
    const failed: Promise<unknown>[] = [];
    const answers: Promise<number[]>[] = [];
    good.forEach((candidates, i) => {
      answers.push(threads.score(candidates).then(({ scores }) => scores));
      failed.push(threads.dispatcher.score(Buffer.from(bad[i % bad.length]), {}).catch((error) => error));
    });
    expect(await Promise.all(answers)).toEqual(expected);
    const errors = (await Promise.all(failed)) as Error[];
    expect(new Set(errors.map(({ message }) => message.replace(/:.*/, "")))).toEqual(
      new Set(["candidates[1].a", "candidates[0].x", "body"]),
    );
    await hosted.close();
    await trainer.model.close();
  });

  it("a thread that ends is replaced: its requests fail with an error, later ones are answered", async () => {
    const trainer = await trainerOf(tower("exact"));
    await trainer.learn();
    const hosted = await threads.open(trainer);
    const few = [candidate(new Rng(1))];
    const expected = await trainer.answers(few);
    const [thread] = (pool as unknown as { threads: { calls: Calls; turns: TurnCount }[] }).threads;
    const large = Array.from({ length: 9_000 }, (_, i) => candidate(new Rng(i)));
    const { worker } = thread.calls;
    vi.spyOn(worker, "postMessage").mockImplementationOnce((...sent) => {
      thread.turns.give();
      worker.postMessage(...sent);
      // Not a call: the thread fails on it, during the first request.
      worker.postMessage(null);
    });
    const first = await Promise.allSettled([threads.score(large), threads.score(large)]);
    const failed = first.filter((result) => result.status === "rejected");
    expect(failed.map(({ reason }) => reason)).toMatchObject([
      { code: "not_ready", message: /a scoring thread ended/ },
    ]);
    for (let i = 0; i < 4; i++) {
      const answers = await Promise.all([threads.score(few), threads.score(few)]);
      expect(answers.map(({ scores }) => scores)).toEqual([expected, expected]);
    }
    await hosted.apply([], trainer.examples);
    await hosted.close();
    await trainer.model.close();
  });

  it("a thread that ends again and again keeps no share of the requests, and without any the server is unready", async () => {
    const own = new ScoringThreads(2);
    const host = own.host();
    const { dispatcher, open, score } = world(host);
    const trainer = await trainerOf(tower("exact"));
    await open(trainer);
    const few = [candidate(new Rng(1))];
    const expected = await trainer.answers(few);
    const { threads } = own as unknown as { threads: { calls: Calls }[] };
    const end = async (i: number) => {
      while (!host.lanes[i].gone) {
        await threads[i].calls.worker.terminate();
        await sleep(1);
      }
    };
    await end(0);
    expect(dispatcher.gone).toBe(false);
    const answers = await Promise.all(Array.from({ length: 20 }, () => score(few)));
    expect(answers.map(({ scores }) => scores)).toEqual(Array(20).fill(expected));
    await end(1);
    expect(dispatcher.gone).toBe(true);
    await expect(score(few)).rejects.toMatchObject({ code: "not_ready", status: 503 });
    expect((await own.lost).message).toMatch("a scoring thread ended");
    await own.close();
    await trainer.model.close();
  });

  it("the server's thread does not block during a change that waits for a scoring thread that died", async () => {
    const trainer = await trainerOf(tower("exact"));
    await trainer.learn();
    const hosted = await near.open(trainer);
    const few = [candidate(new Rng(1))];
    const expected = await trainer.answers(few);
    const { gate } = (hosted as unknown as { shared: { gate: SharedArrayBuffer } }).shared;
    const dead = new Gate(gate, 0);
    dead.enter();
    const changed = hosted.apply([], trainer.examples);
    await until(() => dead.closed);
    const wait = vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new Error("the server's thread blocks");
    });
    const { turns } = eager;
    const scored = near.score(few);
    await until(() => eager.turns > turns);
    dead.leave();
    expect((await scored).scores).toEqual(expected);
    wait.mockRestore();
    await changed;
    await hosted.close();
    await trainer.model.close();
  });

  it("nothing is left after close", async () => {
    const own = new ScoringThreads(2);
    const trainer = await trainerOf(tower("exact"));
    await world(own.host()).open(trainer);
    const { threads, holder } = own as unknown as { threads: { calls: Calls }[]; holder: Calls };
    const workers = [holder, ...threads.map(({ calls }) => calls)].map(({ worker }) => worker);
    expect(workers.every(({ threadId }) => threadId > 0)).toBe(true);
    await own.close();
    await trainer.model.close();
    // Of a thread that has ended.
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1, -1, -1]);
  });
});
