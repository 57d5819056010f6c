import { setImmediate as passed } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { type Ask, Dispatcher, type Lane, type TurnResult } from "../../src/serve/dispatcher.js";

/** A lane whose turns end when the test says so. */
class HeldLane implements Lane {
  readonly asked: number[] = [];
  private readonly ends: ((result: TurnResult) => void)[] = [];

  turn(asked: readonly Ask[]): Promise<TurnResult> {
    this.asked.push(asked.length);
    return new Promise((resolve) => this.ends.push(resolve));
  }

  /** Ends the turn given first, which answered `ids` and left `open`. */
  async end(ids: readonly number[], open: number): Promise<void> {
    const model = { model: "m", version: 1, spec_hash: "0" };
    const rest = { scores: new Float32Array(1), calibrated: undefined, model, ignored: [], options: undefined };
    this.ends.shift()!({ outcomes: ids.map((id) => ({ id, ...rest })), open });
    await passed();
    await passed();
  }
}

async function asking(count: number) {
  const lane = new HeldLane();
  const dispatcher = new Dispatcher([lane], 3);
  const scores = Array.from({ length: count }, () => dispatcher.score(new Uint8Array(10), {}));
  await passed();
  await passed();
  return { lane, dispatcher, scores };
}

/** Requests of `count` turns of the event loop, one each, which take so many milliseconds. */
async function turnByTurn(count: number, milliseconds: number) {
  vi.useFakeTimers({ toFake: ["performance"] });
  const lane = new HeldLane();
  const dispatcher = new Dispatcher([lane]);
  const scores: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    scores.push(dispatcher.score(new Uint8Array(10), {}));
    await passed();
    vi.advanceTimersByTime(milliseconds);
  }
  return { lane, scores };
}

afterEach(() => vi.useRealTimers());

it("a lane that left requests is given two turns, so that it does not wait for a busy main thread between its runs", async () => {
  const { lane, scores } = await asking(5);
  expect(lane.asked).toEqual([3]);
  await lane.end([0], 2);
  expect(lane.asked).toEqual([3, 2, 0]);
  await lane.end([1, 2], 2);
  expect(lane.asked).toEqual([3, 2, 0, 0]);
  await lane.end([3, 4], 0);
  await lane.end([], 0);
  expect((await Promise.all(scores)).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4]);
});

it("a lane that finishes all it is given takes what came meanwhile together, in its next turn", async () => {
  const { lane, dispatcher, scores } = await asking(1);
  scores.push(dispatcher.score(new Uint8Array(10), {}), dispatcher.score(new Uint8Array(10), {}));
  await passed();
  await passed();
  expect(lane.asked).toEqual([1]);
  await lane.end([0], 0);
  expect(lane.asked).toEqual([1, 2]);
  await lane.end([1, 2], 0);
  await dispatcher.close();
  expect(await Promise.all(scores)).toHaveLength(3);
});

it("requests that come turn after turn of the event loop are handed over together once a turn brings none, so that a thread is not woken for each", async () => {
  const { lane, scores } = await turnByTurn(4, 0);
  await passed();
  expect(lane.asked).toEqual([4]);
  await lane.end([0, 1, 2, 3], 0);
  expect(await Promise.all(scores)).toHaveLength(4);
});

it("requests that keep coming do not hold up those before them", async () => {
  const { lane, scores } = await turnByTurn(4, 0.3);
  expect(lane.asked).toEqual([3]);
  await lane.end([0, 1, 2], 0);
  await lane.end([3], 0);
  expect(await Promise.all(scores)).toHaveLength(4);
});
