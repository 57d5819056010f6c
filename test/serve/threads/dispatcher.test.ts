import { setImmediate as passed } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { Dispatcher, type Lane, type TurnResult } from "../../../src/serve/threads/dispatcher.js";
import { oldBytes } from "../../old-bytes.js";

const outcomesOf = (ids: readonly number[]) => {
  const model = { model: "m", version: 1, spec_hash: "0" };
  const rest = { scores: new Float32Array(1), calibrated: undefined, model, ignored: [], options: undefined };
  return ids.map((id) => ({ id, ...rest }));
};

/** A lane whose turns end when the test says so. */
class HeldLane implements Lane {
  readonly asked: number[] = [];
  readonly dropped: number[] = [];
  private readonly turns: { end(result: TurnResult | Promise<TurnResult>): void; report(result: TurnResult): void }[] =
    [];

  turn(...[asked, dropped, report]: Parameters<Lane["turn"]>): Promise<TurnResult> {
    this.asked.push(asked.length);
    this.dropped.push(...dropped);
    return new Promise((end) => this.turns.push({ end, report }));
  }

  /** Ends the first turn: its thread is gone. */
  async fail(): Promise<void> {
    this.turns.shift()!.end(Promise.reject(new Error("a scoring thread ended")));
    await passed();
    await passed();
  }

  /** Ends the first turn, which answered `ids` and left `open`. */
  async end(ids: readonly number[], open: number): Promise<void> {
    this.turns.shift()!.end({ outcomes: outcomesOf(ids), open });
    await passed();
    await passed();
  }

  /** Reports during that turn what was answered so far, and what is left. */
  async tell(ids: readonly number[], open: number): Promise<void> {
    this.turns[0].report({ outcomes: outcomesOf(ids), open });
    await passed();
    await passed();
  }
}

/** A lane whose turns end at once, except for one request that stays. */
class QuickLane implements Lane {
  private rest: number[] = [];

  async turn(asked: Parameters<Lane["turn"]>[0]): Promise<TurnResult> {
    const ids = [...this.rest, ...asked.map(({ id }) => id)];
    this.rest = asked.length > 0 ? ids.splice(-1) : [];
    return { outcomes: outcomesOf(ids), open: this.rest.length };
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

/** Requests in `count` turns of the event loop, one each, which take this many milliseconds. */
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

it("a lane returns results during its turn, and continues without a message from a busy main thread", async () => {
  const { lane, scores } = await asking(3);
  expect(lane.asked).toEqual([3]);
  await lane.tell([0], 2);
  expect((await scores[0]).id).toBe(0);
  await lane.tell([1], 1);
  expect((await scores[1]).id).toBe(1);
  expect(lane.asked).toEqual([3]);
  await lane.end([2], 0);
  expect((await Promise.all(scores)).map(({ id }) => id)).toEqual([0, 1, 2]);
});

it("a lane with work left gets what arrived meanwhile, as a second turn that waits for the end of the first", async () => {
  const { lane, scores } = await asking(5);
  expect(lane.asked).toEqual([3]);
  await lane.tell([0], 2);
  expect(lane.asked).toEqual([3, 2]);
  await lane.end([1], 1);
  expect(lane.asked).toEqual([3, 2]);
  await lane.end([2, 3], 1);
  expect(lane.asked).toEqual([3, 2, 0]);
  await lane.end([4], 0);
  expect((await Promise.all(scores)).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4]);
});

it("a full run is handed to a busy lane at once, so that it does not idle between two turns", async () => {
  const lane = new HeldLane();
  const dispatcher = new Dispatcher([lane]);
  const scores = [dispatcher.score(new Uint8Array(9_000), {})];
  await passed();
  await passed();
  for (const given of [[1], [1, 2]]) {
    scores.push(dispatcher.score(new Uint8Array(9_000), {}));
    await passed();
    await passed();
    expect(lane.asked).toEqual(given);
  }
  await lane.end([0], 0);
  await lane.end([1, 2], 0);
  expect(await Promise.all(scores)).toHaveLength(3);
});

it("a request aborted during a long turn is withdrawn from the lane while that turn runs", async () => {
  const lane = new HeldLane();
  const dispatcher = new Dispatcher([lane]);
  const signal = { aborted: false };
  const scores = [dispatcher.score(new Uint8Array(10), { signal }), dispatcher.score(new Uint8Array(10), {})];
  await passed();
  await passed();
  signal.aborted = true;
  const aborted = expect(scores[0]).rejects.toMatchObject({ code: "request_aborted" });
  await lane.tell([], 2);
  await aborted;
  expect([lane.asked, lane.dropped]).toEqual([[2, 0], [0]]);
  await lane.end([], 2);
  await lane.end([1], 0);
  expect((await scores[1]).id).toBe(1);
});

it("a lane that has finished all its work gets what arrived meanwhile together, in its next turn", async () => {
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

it("requests that arrive in consecutive turns of the event loop are handed over together once a turn brings none, so that a thread is not woken for each", async () => {
  const { lane, scores } = await turnByTurn(4, 0);
  await passed();
  expect(lane.asked).toEqual([4]);
  await lane.end([0, 1, 2, 3], 0);
  expect(await Promise.all(scores)).toHaveLength(4);
});

it("a few short requests are scored in the dispatcher's thread if that can take them, others by a lane: waking one took longer than scoring", async () => {
  const near = { ready: true, asked: [] as number[], turn: nearTurn };
  async function nearTurn(asked: Parameters<Lane["turn"]>[0]): Promise<TurnResult> {
    near.asked.push(asked.length);
    return { outcomes: outcomesOf(asked.map(({ id }) => id)), open: 0 };
  }
  const lane = new HeldLane();
  const dispatcher = new Dispatcher([lane], undefined, near);
  const ask = async (count: number, bytes: number) => {
    const scores = Array.from({ length: count }, () => dispatcher.score(new Uint8Array(bytes), {}));
    await passed();
    await passed();
    return scores;
  };
  const few = await ask(8, 10);
  expect((await Promise.all(few)).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect([near.asked, lane.asked]).toEqual([[8], []]);
  const [many, long] = [await ask(9, 10), await ask(1, 5000)];
  near.ready = false;
  const busy = await ask(1, 10);
  expect([near.asked, lane.asked]).toEqual([[8], [9]]);
  await lane.end([8, 9, 10, 11, 12, 13, 14, 15, 16], 0);
  expect(lane.asked).toEqual([9, 2]);
  await lane.end([17, 18], 0);
  await dispatcher.close();
  expect(await Promise.all([...many, ...long, ...busy])).toHaveLength(11);
});

it("an error of the dispatcher's own lane is the requests' error, and later ones are scored", async () => {
  let fails = true;
  const turn = async (asked: Parameters<Lane["turn"]>[0]): Promise<TurnResult> => {
    if (fails) throw new Error("it failed");
    return { outcomes: outcomesOf(asked.map(({ id }) => id)), open: 0 };
  };
  const dispatcher = new Dispatcher([new HeldLane()], undefined, { ready: true, turn });
  await expect(dispatcher.score(new Uint8Array(10), {})).rejects.toThrow("it failed");
  fails = false;
  expect((await dispatcher.score(new Uint8Array(10), {})).id).toBe(1);
  expect(dispatcher.waiting).toBe(0);
});

it("an idle lane is given twenty requests before the event loop has read the others: it waited for all of them", async () => {
  const lane = new HeldLane();
  const dispatcher = new Dispatcher([lane]);
  const scores = Array.from({ length: 30 }, () => dispatcher.score(new Uint8Array(10), {}));
  expect(lane.asked).toEqual([20]);
  await passed();
  await passed();
  expect(lane.asked).toEqual([20]);
  await lane.end(
    Array.from({ length: 20 }, (_, i) => i),
    0,
  );
  expect(lane.asked).toEqual([20, 10]);
  await lane.end(
    Array.from({ length: 10 }, (_, i) => 20 + i),
    0,
  );
  expect(await Promise.all(scores)).toHaveLength(30);
});

it("a request that is lost with its thread between two turns fails: it was asked for again and again and never answered", async () => {
  const { lane, dispatcher, scores } = await asking(2);
  const lost = scores[1].catch((error) => error);
  await lane.end([0], 1);
  // The thread has ended after that report; its successor knows nothing of the second request.
  await lane.end([], 0);
  expect(await lost).toMatchObject({ code: "not_ready", status: 503 });
  expect(lane.asked).toEqual([2, 0]);
  expect(dispatcher.waiting).toBe(0);
});

it("two turns of a thread that has ended do not fail what its successor is given after the first of them", async () => {
  const { lane, dispatcher, scores } = await asking(7);
  const first = Promise.allSettled(scores.slice(0, 6));
  await lane.tell([], 3);
  expect(lane.asked).toEqual([3, 3]);
  await lane.fail();
  expect(lane.asked).toEqual([3, 3, 1]);
  await lane.fail();
  expect((await first).map(({ status }) => status)).toEqual(Array(6).fill("rejected"));
  expect(dispatcher.waiting).toBe(1);
  await lane.end([6], 0);
  expect((await scores[6]).id).toBe(6);
});

it("a thread that is being replaced is given nothing that another one can take: it was waited for for seconds", async () => {
  const [first, second] = [Object.assign(new HeldLane(), { starting: true }), new HeldLane()];
  const dispatcher = new Dispatcher([first, second], 3);
  const scores = Array.from({ length: 4 }, () => dispatcher.score(new Uint8Array(10), {}));
  await passed();
  await passed();
  expect([first.asked, second.asked]).toEqual([[], [3]]);
  first.starting = false;
  await second.end([0], 2);
  expect([first.asked, second.asked]).toEqual([[1], [3, 0]]);
  await first.end([3], 0);
  await second.end([1, 2], 0);
  expect(await Promise.all(scores)).toHaveLength(4);
  first.starting = Object.assign(second, { starting: true }).starting;
  const last = dispatcher.score(new Uint8Array(10), {});
  await passed();
  await passed();
  expect(first.asked).toEqual([1, 1]);
  await first.end([4], 0);
  expect((await last).id).toBe(4);
});

it("requests that keep arriving do not delay earlier ones", async () => {
  const { lane, scores } = await turnByTurn(4, 0.3);
  expect(lane.asked).toEqual([3]);
  await lane.end([0, 1, 2], 0);
  await lane.end([3], 0);
  expect(await Promise.all(scores)).toHaveLength(4);
});

it("answered requests do not stay in memory until a full collection, which stops the server for many milliseconds", async () => {
  const dispatcher = new Dispatcher([new QuickLane()]);
  const grown = await oldBytes(async () => {
    const body = Array.from({ length: 20 }, () =>
      Object.assign(new Uint8Array(10), { like: new Array(100).fill(0.5) }),
    );
    const scores = body.map((bytes) => dispatcher.score(bytes, {}));
    await Promise.all(scores.slice(0, 19));
  });
  expect(grown).toBeLessThan(500_000);
  await dispatcher.close();
});
