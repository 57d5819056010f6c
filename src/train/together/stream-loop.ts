import type { MessagePort } from "node:worker_threads";
import type { Room } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { fromPlainError, HashbrookError, toPlainError } from "../../core/errors.js";
import type { EndedBy } from "../consumer.js";
import { isBefore } from "../files/position.js";
import type { StreamPosition } from "../job.js";
import type { BatchMessage, FromDecoder, SourceHealth, ToDecoder } from "../workers/thread-messages.js";
import type { Contender } from "./contender.js";
import type { FromLearner, Proceed, StreamMessage } from "./messages.js";

const IDLE_MS = 25;

export interface LoopOptions {
  /** Contenders of this thread among the stream's members. */
  readonly contenders: ReadonlyMap<number, Contender>;
  readonly progressMs: number | null;
  readonly stop: AbortSignal;
  readonly tell: (message: FromLearner) => void;
  /** Waits until all contenders have reached the round's end. */
  readonly roundOver: () => Promise<Proceed>;
}

/** Learns the batches of one decoding thread with all contenders of this thread that read them, one after the other. */
export class StreamLoop {
  private readonly port: MessagePort;
  private readonly message: StreamMessage;
  private readonly options: LoopOptions;
  /** Contenders that still learn. */
  private readonly left: Map<number, Contender>;
  private readonly inbox: FromDecoder[] = [];
  private wake = () => {};
  private source: SourceHealth | null = null;
  private buffers: readonly Room[] = [];
  /** The members' start positions. */
  private readonly places = new Map<number, StreamPosition>();
  private round: number;
  private reportedAt = systemClock.now();
  private committed: StreamPosition | null = null;

  constructor(message: StreamMessage, options: LoopOptions) {
    this.message = message;
    this.port = message.port;
    this.options = options;
    this.left = new Map(options.contenders);
    this.round = (message.rounds?.first ?? 1) - 1;
    this.port.on("message", (received: FromDecoder) => {
      if (received.type === "state") this.source = received.state;
      else this.inbox.push(received);
      this.wake();
    });
    options.stop.addEventListener("abort", () => this.wake(), { once: true });
  }

  /** Runs until the stream has ended, or no contender is left. */
  async run(): Promise<void> {
    try {
      for (;;) {
        if (this.left.size === 0) return;
        const message = await this.received();
        if (message === null) return await this.finish("stopped");
        if (message === undefined) await this.idle();
        else if (message.type === "end") return await this.finish(message.endedBy);
        else if (message.type === "error") return await this.interrupted(fromPlainError(message.error));
        else await this.take(message);
      }
    } finally {
      // Nobody must wait for this thread if it leaves before anything was read.
      this.tell({ type: "ready" });
      this.tell({ type: "stop" });
      this.port.close();
    }
  }

  private async take(message: FromDecoder): Promise<void> {
    if (message.type === "buffers") this.buffers = message.buffers;
    else if (message.type === "opened") await this.opened(message.position, message.fingerprints);
    else if (message.type === "began") this.began(message);
    else if (message.type === "validated") await this.validated(message.epoch, message.data);
    else if (message.type === "batch") await this.batch(message);
  }

  private began({ model, plan }: Extract<FromDecoder, { type: "began" }>): void {
    const { members, since } = this.message;
    this.places.set(members[model], plan.start);
    this.left.get(members[model])?.trainer.began(plan);
    if (this.places.size < members.length) return;
    const first = [...this.places.values()].reduce((one, other) => (isBefore(other, one) ? other : one));
    for (const [contender, each] of this.left) each.begin(this.places.get(contender)!, first, since);
  }

  private async opened(position: StreamPosition, fingerprints: readonly string[]): Promise<void> {
    for (const [i, member] of this.message.members.entries())
      this.left.get(member)?.trainer.order?.append(this.message.missing[i]);
    await this.each(async (contender) => {
      contender.begin(contender.trainer.position ?? position, position, this.message.since);
      await contender.trainer.opened(position, fingerprints);
    });
    this.tell({ type: "ready" });
  }

  private async batch(message: BatchMessage): Promise<void> {
    const decoded = { ...message.decoded, ...this.buffers[message.slot] };
    await this.each((contender) =>
      message.kind === "learn" ? contender.consume(decoded, message) : contender.trainer.validate(decoded),
    );
    this.tell({ type: "free", slot: message.slot });
    await this.leaveEnded();
    this.tellCommitted();
    if (message.kind === "learn") await this.endRound();
    this.tellProgress();
  }

  private async validated(epoch: number | null, data: string): Promise<void> {
    await this.each(async ({ trainer }) => trainer.validationEnded(epoch, data));
    await this.leaveEnded();
  }

  /** Does `work` with every remaining contender; one that fails leaves. */
  private async each(work: (contender: Contender) => Promise<void>): Promise<void> {
    for (const [number, contender] of [...this.left]) {
      try {
        await work(contender);
      } catch (error) {
        await this.failed(number, error);
      }
    }
  }

  private async failed(contender: number, error: unknown): Promise<void> {
    const failure = toPlainError(error);
    await this.leave(contender).catch(() => {});
    this.options.tell({ type: "failed", contender, error: failure });
  }

  private async leave(contender: number): Promise<void> {
    const leaving = this.left.get(contender);
    this.left.delete(contender);
    await leaving?.trainer.close();
  }

  private async leaveEnded(): Promise<void> {
    for (const [number, { trainer }] of [...this.left]) if (trainer.ended) await this.end(number, trainer.ended);
  }

  /** Saves a contender, which then leaves. @param endedBy null: nothing is saved for it */
  private async end(number: number, endedBy: EndedBy | null): Promise<void> {
    const contender = this.left.get(number)!;
    try {
      const report = endedBy && (await contender.finish(endedBy));
      const figures = contender.figures(this.source);
      this.tellCommitted();
      await this.leave(number);
      this.options.tell({ type: "done", contender: number, report, figures });
    } catch (error) {
      await this.failed(number, error);
    }
  }

  private async finish(endedBy: EndedBy): Promise<void> {
    for (const number of [...this.left.keys()]) await this.end(number, endedBy);
  }

  /** The source has failed between two batches, where it is safe to save and resume. */
  private async interrupted(failure: HashbrookError): Promise<void> {
    const { code, message, hint } = failure;
    for (const [number, contender] of [...this.left]) {
      let more = "";
      try {
        if (contender.trainer.progress().unsaved > 0) more = (await contender.finish("stopped")).checkpoint;
      } catch (error) {
        more = toPlainError(error).message;
      }
      await this.leave(number).catch(() => {});
      const error = toPlainError(new HashbrookError(code, message, hint === undefined ? {} : { hint }));
      this.options.tell({ type: "interrupted", contender: number, error, saved: more });
    }
  }

  private async endRound(): Promise<void> {
    const { rounds } = this.message;
    if (!rounds) return;
    const learning = [...this.left].filter(([, { waits }]) => !waits);
    const round = Math.max(-1, ...learning.map(([, { examples }]) => Math.floor(examples / rounds.every)));
    if (round <= this.round) return;
    this.round = round;
    for (const [contender, each] of learning)
      this.options.tell({ type: "round", contender, round, figures: each.figures(this.source) });
    const { drop, discard } = await this.options.roundOver();
    for (const number of drop) if (this.left.has(number)) await this.end(number, discard ? null : "stopped");
  }

  private tellProgress(): void {
    const { progressMs, tell } = this.options;
    if (progressMs === null || systemClock.now() - this.reportedAt < progressMs) return;
    this.reportedAt = systemClock.now();
    for (const [contender, each] of this.left)
      tell({ type: "progress", contender, figures: each.figures(this.source) });
  }

  /** Reports to the brokers what all have saved. */
  private tellCommitted(): void {
    let least: StreamPosition | null = null;
    for (const { trainer } of this.left.values()) {
      if (!trainer.committed) return;
      if (!least || isBefore(trainer.committed, least)) least = trainer.committed;
    }
    if (!least || (this.committed && !isBefore(this.committed, least))) return;
    this.committed = least;
    this.tell({ type: "committed", position: least });
  }

  private async idle(): Promise<void> {
    await this.each(({ trainer }) => trainer.idle());
    this.tellCommitted();
    this.tellProgress();
  }

  private tell(message: ToDecoder): void {
    this.port.postMessage(message);
  }

  /** The next message; null: stop; undefined: none came for a while. */
  private async received(): Promise<FromDecoder | null | undefined> {
    const { stop } = this.options;
    if (this.inbox.length === 0) await new Promise(setImmediate);
    if (this.inbox.length === 0 && !stop.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, IDLE_MS);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return stop.aborted ? null : this.inbox.shift();
  }
}
