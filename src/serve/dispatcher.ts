import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import type { BodyTensor } from "../decode/tensor-cursor.js";
import type { Outcome, Scored } from "./engine.js";
import { SHORT_BYTES } from "./work.js";

/** What one request may ask for beside its body. */
export interface ScoreOptions {
  /** Gives the request up, when it is aborted: what of it was not scored yet is not. */
  readonly signal?: Pick<AbortSignal, "aborted"> | undefined;
  /** A time of `systemClock`: what of the request was not scored by then is refused. */
  readonly deadline?: number | undefined;
  /** Where the body has binary tensors, if it is made of such. @internal */
  readonly tensors?: readonly BodyTensor[] | undefined;
}

export interface Ask {
  readonly id: number;
  readonly body: Uint8Array;
  /** Where the body has binary tensors; undefined: it is JSON. */
  readonly tensors?: readonly BodyTensor[] | undefined;
}

/** What a lane says amid a turn or after it: what is finished, and how many requests it still has. */
export interface TurnResult {
  readonly outcomes: readonly Outcome[];
  readonly open: number;
}

/** A place where requests are scored, one run at a time. */
export interface Lane {
  /**
   * Takes requests, gives some up, and runs: at least once, at most until it has none left or another turn waits.
   * @param told hears amid it what is finished, and every few milliseconds that it is still at work
   */
  turn(asked: readonly Ask[], dropped: readonly number[], told: (result: TurnResult) => void): Promise<TurnResult>;
}

interface Pending extends Ask {
  readonly options: ScoreOptions;
  readonly resolve: (scored: Scored) => void;
  readonly reject: (error: unknown) => void;
}

/** A lane takes at most so many requests and bytes in a turn, so that others have some, too. */
const MOST_ASKED = 256;
const MOST_BYTES = 1 << 20;
/** A lane that has enough to do is given more while it runs, so that it need not wait for who gives it. Few short requests are joined instead. */
const MOST_TURNS = 2;
/** What waits fills a run. */
const FULL_BYTES = SHORT_BYTES;
/** While every turn of the event loop brings another request, those before it wait for it so long (ms) at most: to hand each over alone takes as long as all else about a small one. */
const JOIN_MS = 0.5;

/** A lane and what it is at. */
interface Place {
  readonly lane: Lane;
  readonly given: Map<number, Pending>;
  turns: number;
  /** Requests it had left when it was last heard of. */
  left: number;
}

/** Gives requests to lanes: at once to one that has nothing to do, and to a busy one all that came since it was given some. */
export class Dispatcher {
  private readonly places: readonly Place[];
  private readonly mostAsked: number;
  private queue: Pending[] = [];
  private next = 0;
  private planned = false;
  private readonly rest: (() => void)[] = [];

  /** @param mostAsked requests that a lane is given in a turn, at most */
  constructor(lanes: readonly Lane[], mostAsked = MOST_ASKED) {
    this.mostAsked = mostAsked;
    this.places = lanes.map((lane) => ({ lane, given: new Map(), turns: 0, left: 0 }));
  }

  /** Requests that are not answered yet. */
  get waiting(): number {
    return this.places.reduce((sum, { given }) => sum + given.size, this.queue.length);
  }

  /** @throws HashbrookError whatever is wrong with the request; deadline_exceeded; request_aborted */
  score(body: Uint8Array, options: ScoreOptions): Promise<Scored> {
    return new Promise((resolve, reject) => {
      this.queue.push({ id: this.next++, body, tensors: options.tensors, options, resolve, reject });
      this.plan();
    });
  }

  /** Waits until all requests are answered. */
  async close(): Promise<void> {
    while (this.waiting > 0) await new Promise<void>((resolve) => this.rest.push(resolve));
  }

  /** Requests that come one on the heels of another are taken together. */
  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.giveSoon(0, systemClock.now() + JOIN_MS);
  }

  /** @param before requests that had come a turn ago */
  private giveSoon(before: number, until: number): void {
    setImmediate(() => {
      const { length } = this.queue;
      if (length > before && length < this.mostAsked && systemClock.now() < until) return this.giveSoon(length, until);
      this.planned = false;
      this.give();
    });
  }

  /** Gives every lane that can take more its next turn, those first that do nothing. */
  private give(): void {
    this.refuseLate();
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const free = this.places.filter(
        (place) => place.turns === turns && (turns === 0 || place.left > 0 || isLong(place) || this.full),
      );
      free.forEach((place, i) => {
        const asked = this.takeSome(free.length - i);
        const dropped = this.late(place.given);
        const goesOn = turns === 0 && place.given.size > 0;
        if (asked.length + dropped.length > 0 || goesOn) void this.turn(place, asked, dropped);
      });
    }
    if (this.waiting === 0) for (const resolve of this.rest.splice(0)) resolve();
  }

  /** What waits is worth a run of its own. */
  private get full(): boolean {
    let bytes = 0;
    for (const { body } of this.queue) {
      bytes += body.byteLength;
      if (bytes >= FULL_BYTES) return true;
    }
    return false;
  }

  private async turn(place: Place, asked: readonly Pending[], dropped: readonly number[]): Promise<void> {
    const { lane, given } = place;
    const hear = ({ outcomes, open }: TurnResult) => {
      place.left = open;
      for (const outcome of outcomes) settle(given, outcome);
    };
    for (const pending of asked) given.set(pending.id, pending);
    place.turns++;
    try {
      const asks = asked.map(({ id, body, tensors }) => ({ id, body, tensors }));
      const result = await lane.turn(asks, dropped, (part) => {
        hear(part);
        this.give();
      });
      hear(result);
    } catch (error) {
      for (const { reject } of given.values()) reject(error);
      given.clear();
    }
    place.turns--;
    this.give();
  }

  /** What a lane takes from the queue: its share of it, where so many can take some. */
  private takeSome(lanes: number): Pending[] {
    const share = Math.ceil(this.queue.length / lanes);
    let count = 0;
    let bytes = 0;
    while (count < Math.min(share, this.mostAsked) && bytes < MOST_BYTES) bytes += this.queue[count++].body.byteLength;
    return this.queue.splice(0, count);
  }

  /** Refuses what of the queue is late. */
  private refuseLate(): void {
    if (this.queue.length > 0) this.queue = this.queue.filter((pending) => !refusedLate(pending));
  }

  /** Refuses what of a lane's requests is late. @returns their ids */
  private late(given: Map<number, Pending>): number[] {
    const late = [...given.values()].filter((pending) => refusedLate(pending)).map(({ id }) => id);
    for (const id of late) given.delete(id);
    return late;
  }
}

function isLong({ given }: Place): boolean {
  return [...given.values()].some(({ body }) => body.byteLength > SHORT_BYTES);
}

function settle(given: Map<number, Pending>, outcome: Outcome): void {
  const pending = given.get(outcome.id);
  given.delete(outcome.id);
  if ("error" in outcome) pending?.reject(outcome.error);
  else pending?.resolve(outcome);
}

/** Rejects a request that nobody waits for any more. */
function refusedLate({ options: { signal, deadline }, reject }: Pending): boolean {
  if (signal?.aborted) {
    reject(new HashbrookError("request_aborted", "the request was given up before it was scored"));
    return true;
  }
  if (deadline === undefined || systemClock.now() < deadline) return false;
  const hint = "ask for fewer candidates at a time, or give it longer";
  reject(new HashbrookError("deadline_exceeded", "the request's deadline passed before it was scored", { hint }));
  return true;
}
