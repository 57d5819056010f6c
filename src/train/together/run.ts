import { MessageChannel, type MessagePort } from "node:worker_threads";
import { systemClock } from "../../core/clock.js";
import { fromPlainError, HashbrookError, type PlainError } from "../../core/errors.js";
import { Thread } from "../../core/thread-pool.js";
import { placeIn } from "../files/position.js";
import type { Job } from "../job.js";
import type { Report } from "../metrics/report.js";
import type { DecodeTask } from "../workers/decoding.js";
import type { StreamStart } from "../workers/thread-messages.js";
import type { FromLearner, LearnTask, StreamMessage, ToLearner } from "./messages.js";
import type { ContenderReport, TogetherOptions, TogetherReport } from "./options.js";
import { followOne, type TopicStarts } from "./order.js";
import { Standings, withPairs } from "./standings.js";
import { streamsOf } from "./streams.js";

/** Interval between reports of every contender's figures. */
const PROGRESS_MS = 1_000;
/** How long decoding threads may take to leave their consumer group, and learning threads to be ready for another run. */
const PARTING_MS = 2_000;

export interface TogetherRunOptions {
  readonly options: TogetherOptions;
  /** By contender. */
  readonly jobs: readonly Job[];
  /** Numbers of contenders, by learning thread. */
  readonly threads: readonly (readonly number[])[];
  readonly roundExamples: number;
}

/** The result of a contender. */
interface Outcome {
  readonly report: Report | null;
  readonly error: PlainError | null;
}

/** One run of several models: its threads, the channels between them, rounds, and the result of each contender. */
export class TogetherRun {
  private readonly given: TogetherRunOptions;
  private readonly learners: { readonly thread: Thread; readonly port: MessagePort }[] = [];
  private readonly decoders: Thread[] = [];
  private readonly starts: (StreamStart | undefined)[];
  private readonly outcomes: (Outcome | undefined)[];
  private readonly droppedAt: (number | undefined)[];
  /** The newest round that each contender has finished. */
  private readonly rounds: number[];
  private readonly standings: Standings;
  private streams: number[][] = [];
  private round = 0;
  private began = false;
  private aborted = false;
  private ended = 0;
  private interruption: HashbrookError | null = null;
  private reportedAt = 0;
  private settle: { resolve: () => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };

  constructor(given: TogetherRunOptions) {
    const { jobs } = given;
    this.given = given;
    this.starts = jobs.map(() => undefined);
    this.outcomes = jobs.map(() => undefined);
    this.droppedAt = jobs.map(() => undefined);
    this.rounds = jobs.map(() => 0);
    this.standings = new Standings(given.options.contenders.map(({ name }) => name));
  }

  /** @throws as `trainTogether` */
  async run(): Promise<TogetherReport> {
    const startedMs = systemClock.now();
    const { signal } = this.given.options;
    const stop = () => this.tellAll({ type: "stop" });
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.settle = { resolve, reject };
        for (const contenders of this.given.threads) this.startLearner(contenders);
        if (signal?.aborted) stop();
      });
      return this.report((systemClock.now() - startedMs) / 1000);
    } finally {
      signal?.removeEventListener("abort", stop);
      await this.close();
    }
  }

  private startLearner(contenders: readonly number[]): void {
    const { options, jobs } = this.given;
    const { port1: port, port2: control } = new MessageChannel();
    port.on("message", (message: FromLearner) => {
      this.take(message).catch((error) => this.fail(error));
    });
    const entrants = contenders.map((contender) => ({ contender, job: jobs[contender] }));
    const task: LearnTask = { entrants, control, progressMs: options.onProgress ? PROGRESS_MS : null };
    const thread = Thread.take("train/together/learner-worker.js");
    thread.begin(task, [control], (error) => this.fail(error));
    this.learners.push({ thread, port });
  }

  private async take(message: FromLearner): Promise<void> {
    if (message.type === "ended") return this.learnerEnded();
    const { contender } = message;
    if (message.type === "start") {
      this.starts[contender] = message.start;
      if (this.starts.every((start) => start !== undefined)) await this.begin();
      return;
    }
    if ("figures" in message) this.standings.set(contender, message.figures);
    if (message.type === "progress") this.tellProgress();
    else if (message.type === "round") this.rounds[contender] = message.round;
    else if (message.type === "done") this.outcomes[contender] = { report: message.report, error: null };
    else if (message.type === "failed") this.failed(contender, message.error);
    else if (message.type === "interrupted") this.interrupted(contender, message);
    await this.endRound();
  }

  /** A contender that cannot begin ends the run before anything is learned. */
  private failed(contender: number, error: PlainError): void {
    this.outcomes[contender] = { report: null, error };
    if (this.began || this.aborted) return;
    this.abort(this.named(contender, error));
  }

  private abort(error: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.interruption = error instanceof HashbrookError ? error : null;
    this.tellAll({ type: "abort" });
    if (!this.interruption) this.fail(error);
  }

  private interrupted(
    contender: number,
    { error, saved }: { readonly error: PlainError; readonly saved: string },
  ): void {
    this.outcomes[contender] = { report: null, error };
    const { code, message, hint } = error;
    const more = saved === "" ? [] : [`progress up to that point is saved (${saved}): continue with --resume`];
    const all = [...(hint === undefined ? [] : [hint]), ...more].join("; ");
    this.interruption ??= new HashbrookError(code, message, all === "" ? {} : { hint: all });
  }

  /** All contenders have reported their start positions: decoding begins. */
  private async begin(): Promise<void> {
    const followed = await this.startsToFollow();
    if (!followed || this.aborted) return;
    this.began = true;
    const { starts } = followed;
    const { roundExamples } = this.given;
    this.round = Math.max(...starts.map(({ examples }) => Math.floor(examples / roundExamples)));
    this.rounds.fill(this.round);
    const messages = this.given.threads.map((): StreamMessage[] => []);
    for (const [stream, members] of this.streams.entries()) {
      const ports = this.connect(stream, followed, messages);
      this.startDecoder(
        members,
        ports,
        members.map((member) => starts[member]),
      );
    }
    for (const [thread, streams] of messages.entries())
      this.learners[thread].port.postMessage(
        { type: "streams", streams } satisfies ToLearner,
        streams.map(({ port }) => port),
      );
  }

  /** Groups the contenders into streams. @returns where each starts; undefined if they cannot be trained together */
  private async startsToFollow(): Promise<TopicStarts | undefined> {
    const { options, jobs } = this.given;
    const starts = this.starts as StreamStart[];
    const entrants = jobs.map((job, i) => ({ name: options.contenders[i].name, job, start: starts[i] }));
    try {
      this.streams = await streamsOf(entrants);
      return jobs[0].topic ? followOne(entrants) : { starts, missing: jobs.map(() => []) };
    } catch (error) {
      this.abort(error);
      return undefined;
    }
  }

  /**
   * Adds a stream to the messages of all threads with a contender that learns from it.
   * @returns the decoder's ports to them
   */
  private connect(
    stream: number,
    { starts, missing }: TopicStarts,
    messages: readonly StreamMessage[][],
  ): MessagePort[] {
    const { options, roundExamples, threads } = this.given;
    const members = this.streams[stream];
    const since = Math.max(...starts.map((start) => placeIn(start.position, start)));
    const rounds = options.onRound ? { every: roundExamples, first: this.round + 1 } : null;
    const ofMembers = members.map((member) => missing[member]);
    const ports: MessagePort[] = [];
    for (const [thread, contenders] of threads.entries()) {
      if (!contenders.some((contender) => members.includes(contender))) continue;
      const { port1, port2: port } = new MessageChannel();
      ports.push(port1);
      messages[thread].push({ stream, port, members, missing: ofMembers, since, rounds });
    }
    return ports;
  }

  private startDecoder(
    members: readonly number[],
    ports: readonly MessagePort[],
    starts: readonly StreamStart[],
  ): void {
    const { options, jobs } = this.given;
    const task: DecodeTask = { job: { ...jobs[members[0]], out: options.out ?? null }, ports, starts };
    const decoder = Thread.take("train/workers/decode-worker.js");
    decoder.begin(task, ports, (error) => this.fail(error));
    this.decoders.push(decoder);
  }

  /** Calls `onRound` once all learning contenders have reached a round's end. */
  private async endRound(): Promise<void> {
    const { onRound, contenders } = this.given.options;
    const learning = this.rounds.filter((_, i) => !this.outcomes[i]);
    if (!onRound || learning.length === 0) return;
    const round = Math.min(...learning);
    if (round <= this.round) return;
    this.round = round;
    const active = [...this.rounds.keys()].filter((i) => !this.outcomes[i]);
    const verdict = await onRound(this.standings.round(round, round * this.given.roundExamples, active));
    const drop = active.filter((i) => verdict?.drop?.includes(contenders[i].name));
    for (const i of drop) this.droppedAt[i] = round;
    const proceed = { type: "proceed", drop, discard: verdict?.discard ?? false } as const;
    for (const stream of this.streams.keys()) this.tellAll({ ...proceed, stream });
    if (verdict?.stop) this.tellAll({ type: "stop" });
  }

  private tellProgress(): void {
    const now = systemClock.now();
    if (now - this.reportedAt < PROGRESS_MS / 2) return;
    this.reportedAt = now;
    const active = [...this.outcomes.keys()].filter((i) => !this.outcomes[i]);
    this.given.options.onProgress?.(this.standings.progress(active));
  }

  private tellAll(message: ToLearner): void {
    for (const { port } of this.learners) port.postMessage(message);
  }

  private learnerEnded(): void {
    this.ended++;
    if (this.ended < this.learners.length) return;
    const failures = this.outcomes.map((outcome) => outcome?.error ?? null);
    if (this.interruption) this.settle.reject(this.interruption);
    else if (failures.every((error) => error !== null)) this.settle.reject(this.named(0, failures[0]!));
    else this.settle.resolve();
  }

  private fail(error: unknown): void {
    this.settle.reject(error);
  }

  private named(contender: number, { message, ...error }: PlainError): HashbrookError {
    const { contenders } = this.given.options;
    return fromPlainError({
      ...error,
      message: contenders.length > 1 ? `${contenders[contender].name}: ${message}` : message,
    });
  }

  private report(seconds: number): TogetherReport {
    const { contenders } = this.given.options;
    const progress = {
      reference: contenders[0].name,
      contenders: contenders.map(({ name, out }, i): ContenderReport => {
        const { report = null, error = null } = this.outcomes[i] ?? {};
        return { name, out, dropped: this.droppedAt[i] ?? null, report, error, scores: this.standings.scores(i) };
      }),
      decoders: this.decoders.length,
      workers: this.learners.length,
      seconds,
    };
    return withPairs(progress, this.standings.pairs());
  }

  private async close(): Promise<void> {
    await Promise.all(this.decoders.map((decoder) => decoder.release(PARTING_MS)));
    const patience = this.ended < this.learners.length ? 0 : PARTING_MS;
    await Promise.all(this.learners.map(({ thread }) => thread.release(patience)));
    for (const { port } of this.learners) port.close();
  }
}
