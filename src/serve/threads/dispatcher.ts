import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { NumberedList } from "../../core/numbered-list.js";
import type { BodyTensor } from "../../decode/tensor-cursor.js";
import type { Outcome, Scored } from "./engine.js";
import { SHORT_BYTES } from "./work.js";

/** Options of one request beside its body. */
export interface ScoreOptions {
  /** Cancels the request: what was not scored yet will not be. */
  readonly signal?: Pick<AbortSignal, "aborted"> | undefined;
  /** A time of `systemClock`: what was not scored by then is refused. */
  readonly deadline?: number | undefined;
  /** Positions of the body's binary tensors, if it consists of them. @internal */
  readonly tensors?: readonly BodyTensor[] | undefined;
}

export interface Ask {
  readonly id: number;
  readonly body: Uint8Array;
  /** Positions of the body's binary tensors; undefined: it is JSON. */
  readonly tensors?: readonly BodyTensor[] | undefined;
}

/** A lane's report during a turn or after it: what is finished, and how many requests are left. */
export interface TurnResult {
  readonly outcomes: readonly Outcome[];
  readonly open: number;
}

/** A place where requests are scored, one run at a time. */
export interface Lane {
  /** It has ended for good: it is given no more requests. */
  readonly gone?: boolean;
  /** Its thread is being replaced, which takes up to seconds: it is given requests only if no other lane could take them. */
  readonly starting?: boolean;
  /**
   * Takes requests, drops some, and runs: at least once, at most until none are left or another turn waits.
   * @param told called during the turn with what is finished, and every few milliseconds as a sign of life
   */
  turn(asked: readonly Ask[], dropped: readonly number[], told: (result: TurnResult) => void): Promise<TurnResult>;
}

/**
 * A lane in the dispatcher's own thread: a few requests are scored there before they could be handed over to another. A
 * turn scores all that it is given.
 */
export interface NearLane extends Lane {
  /** It can score now, and does it quickly. */
  readonly ready: boolean;
}

interface Pending extends Ask {
  readonly options: ScoreOptions;
  readonly resolve: (scored: Scored) => void;
  readonly reject: (error: unknown) => void;
}

/** Limits on the requests and bytes that a lane takes in a turn, so that other lanes get some, too. */
const MOST_ASKED = 256;
const MOST_BYTES = 1 << 20;
/**
 * Turns given to a lane in advance if there is enough work, so that it need not wait for the dispatcher. A few short requests
 * are joined in one turn instead.
 */
const MOST_TURNS = 2;
/** Enough work to fill a run. */
const FULL_BYTES = SHORT_BYTES;
/**
 * While every turn of the event loop brings another request, earlier ones wait for it, at most this long (ms): handing over
 * each one alone takes as long as everything else about a small one.
 */
const JOIN_MS = 0.5;

/**
 * An idle lane is given this many at once, while the event loop is still reading what came with them: under load, threads
 * would otherwise wait for each other in turn.
 */
const AT_ONCE = 20;

/** Most requests that are scored near, and their bytes: waking another thread, and being woken by it, takes as long. */
const NEAR_ASKED = 8;
const NEAR_BYTES = 4 << 10;

/** A lane and its current work. */
interface Place<L extends Lane = Lane> {
  readonly lane: L;
  /** What it has not answered. */
  given: NumberedList<Pending>;
  turns: number;
  /** Requests it had left according to its last report. */
  left: number;
}

/** Distributes requests to lanes: at once to an idle one, and to a busy one everything that has come since its last turn. */
export class Dispatcher {
  private readonly places: readonly Place[];
  private readonly near: Place<NearLane> | undefined;
  private readonly mostAsked: number;
  private queue: Pending[] = [];
  private next = 0;
  private planned = false;
  private closed = false;
  private readonly rest: (() => void)[] = [];

  /**
   * @param mostAsked most requests that a lane is given in a turn
   * @param near scores a few requests at once
   */
  constructor(lanes: readonly Lane[], mostAsked = MOST_ASKED, near?: NearLane) {
    this.mostAsked = mostAsked;
    this.near = near && placeOf(near);
    this.places = lanes.map(placeOf);
  }

  /** Requests that have not been answered. */
  get waiting(): number {
    const near = this.near?.given.size ?? 0;
    return this.places.reduce((sum, { given }) => sum + given.size, this.queue.length + near);
  }

  /** @throws HashbrookError whatever is wrong with the request; deadline_exceeded; request_aborted; not_ready once closed */
  score(body: Uint8Array, options: ScoreOptions): Promise<Scored> {
    if (this.closed) return Promise.reject(ended("the scorer is closed"));
    return new Promise((resolve, reject) => {
      this.queue.push({ id: this.next++, body, tensors: options.tensors, options, resolve, reject });
      if (this.queue.length >= AT_ONCE && this.hasIdle) this.give();
      else this.plan();
    });
  }

  /** Waits until all requests are answered; later ones are refused. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.waiting > 0) await new Promise<void>((resolve) => this.rest.push(resolve));
  }

  /** Joins requests that follow each other closely. */
  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.giveSoon(0, systemClock.now() + JOIN_MS);
  }

  /** @param before number of requests one turn of the event loop earlier */
  private giveSoon(before: number, until: number): void {
    setImmediate(() => {
      const { length } = this.queue;
      if (length > before && length < this.mostAsked && systemClock.now() < until) return this.giveSoon(length, until);
      this.planned = false;
      this.give();
    });
  }

  /** Closed, or no lane is left that could score. */
  get gone(): boolean {
    return this.closed || this.ended;
  }

  private get ended(): boolean {
    return this.places.every(({ lane }) => lane.gone);
  }

  /** Gives every lane that can take more its next turn, idle ones first. */
  private give(): void {
    this.refuseLate();
    if (this.ended) for (const { reject } of this.queue.splice(0)) reject(ended("every scoring thread has ended"));
    if (this.near && this.few && this.near.lane.ready) void this.turn(this.near, this.queue.splice(0), []);
    const places = this.open;
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const free = places.filter(
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

  private get hasIdle(): boolean {
    return this.open.some(({ turns }) => turns === 0);
  }

  /** Those that are given requests. */
  private get open(): readonly Place[] {
    const left = this.places.filter(({ lane }) => !lane.gone);
    const started = left.filter(({ lane }) => !lane.starting);
    return started.length > 0 ? started : left;
  }

  /** Whether what waits is worth a run of its own. */
  private get full(): boolean {
    return this.hasBytes(FULL_BYTES);
  }

  /** Whether a run of what waits is over soon. */
  private get few(): boolean {
    const { length } = this.queue;
    return length > 0 && length <= Math.min(NEAR_ASKED, this.mostAsked) && !this.hasBytes(NEAR_BYTES);
  }

  /** Whether the queue's bodies have at least this many bytes. */
  private hasBytes(count: number): boolean {
    let bytes = 0;
    for (const { body } of this.queue) {
      bytes += body.byteLength;
      if (bytes >= count) return true;
    }
    return false;
  }

  private async turn(place: Place, asked: readonly Pending[], dropped: readonly number[]): Promise<void> {
    const { lane, given } = place;
    const hear = ({ outcomes, open }: TurnResult) => {
      place.left = open;
      for (const outcome of outcomes) settle(given, outcome);
    };
    for (const pending of asked) given.add(pending);
    place.turns++;
    try {
      const asks = asked.map(({ id, body, tensors }) => ({ id, body, tensors }));
      const result = await lane.turn(asks, dropped, (part) => {
        hear(part);
        this.give();
      });
      hear(result);
      // Its thread was replaced between two turns: what is lost would be asked for without end.
      if (place.turns === 1 && result.open < given.size) throw ended("a scoring thread ended and lost the request");
    } catch (error) {
      for (const { reject } of given) reject(error);
      given.clear();
      // Another turn of the thread that failed must not reject what its successor is given meanwhile.
      if (place.given === given) place.given = new NumberedList();
    }
    place.turns--;
    this.give();
  }

  /** Takes a lane's share of the queue, given the number of lanes that can take some. */
  private takeSome(lanes: number): Pending[] {
    const share = Math.ceil(this.queue.length / lanes);
    let count = 0;
    let bytes = 0;
    while (count < Math.min(share, this.mostAsked) && bytes < MOST_BYTES) bytes += this.queue[count++].body.byteLength;
    return this.queue.splice(0, count);
  }

  /** Refuses requests in the queue that are late. */
  private refuseLate(): void {
    if (this.queue.length > 0) this.queue = this.queue.filter((pending) => !refusedLate(pending));
  }

  /** Refuses a lane's requests that are late. @returns their ids */
  private late(given: NumberedList<Pending>): number[] {
    const late = [...given].filter((pending) => refusedLate(pending)).map(({ id }) => id);
    for (const id of late) given.take(id);
    return late;
  }
}

const placeOf = <L extends Lane>(lane: L): Place<L> => ({ lane, given: new NumberedList(), turns: 0, left: 0 });

/** The error of a request that no thread is left to score, or whose thread has ended. */
export function ended(what: string, cause?: unknown): HashbrookError {
  return new HashbrookError("not_ready", what, { hint: "try again, or ask another server", cause });
}

function isLong({ given }: Place): boolean {
  return [...given].some(({ body }) => body.byteLength > SHORT_BYTES);
}

function settle(given: NumberedList<Pending>, outcome: Outcome): void {
  const pending = given.take(outcome.id);
  if ("error" in outcome) pending?.reject(outcome.error);
  else pending?.resolve(outcome);
}

/** Rejects a request whose client no longer waits. */
function refusedLate({ options: { signal, deadline }, reject }: Pending): boolean {
  if (signal?.aborted) {
    reject(new HashbrookError("request_aborted", "the client aborted the request before it was scored"));
    return true;
  }
  if (deadline === undefined || systemClock.now() < deadline) return false;
  const hint = "send fewer candidates per request, or a longer deadline";
  reject(new HashbrookError("deadline_exceeded", "the request's deadline passed before it was scored", { hint }));
  return true;
}
