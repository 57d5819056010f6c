import { toPlainError } from "../../core/errors.js";
import { workTasks } from "../../core/thread-tasks.js";
import type { RetryOptions } from "../workers/retry.js";
import { Contender } from "./contender.js";
import type { Entrant, FromLearner, LearnTask, Proceed, StreamMessage, ToLearner } from "./messages.js";
import { StreamLoop } from "./stream-loop.js";

/** One run's contenders of this thread. */
class Learning {
  private readonly task: LearnTask;
  private readonly stopping = new AbortController();
  private readonly retry: RetryOptions = { stop: this.stopping.signal, waiting() {} };
  private readonly opening: ReadonlyMap<number, Promise<Contender | null>>;
  private readonly waiting = new Map<number, (proceed: Proceed) => void>();
  /** Whether nothing of the run is still running or held at its end. */
  private clean: boolean;

  constructor(task: LearnTask) {
    this.task = task;
    this.clean = task.entrants.every(({ job }) => !job.publish && !job.deadLetters && !job.unused?.topic);
    this.opening = new Map(task.entrants.map((each) => [each.contender, this.open(each)]));
  }

  /** Resolves with `clean`. */
  run(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = () => {
        this.tell({ type: "ended" });
        resolve(this.clean);
      };
      this.task.control.on("message", (message: ToLearner) => {
        if (message.type === "abort") this.abort().then(end);
        else if (message.type === "stop") this.stopping.abort();
        else if (message.type === "proceed") this.waiting.get(message.stream)?.(message);
        else Promise.all(message.streams.map((stream) => this.learn(stream))).then(end);
      });
    });
  }

  private readonly tell = (message: FromLearner): void => {
    if (message.type === "failed" || message.type === "interrupted") this.clean = false;
    this.task.control.postMessage(message);
  };

  /** Opens a contender; a failure is reported, and it takes no part. */
  private async open({ contender, job }: Entrant): Promise<Contender | null> {
    try {
      return await Contender.open(job, this.retry, (start) => this.tell({ type: "start", contender, start }));
    } catch (error) {
      this.tell({ type: "failed", contender, error: toPlainError(error) });
      return null;
    }
  }

  private roundOver(stream: number): Promise<Proceed> {
    const { signal } = this.stopping;
    return new Promise((resolve) => {
      const goOn = () => resolve({ type: "proceed", stream, drop: [], discard: false });
      if (signal.aborted) goOn();
      signal.addEventListener("abort", goOn, { once: true });
      this.waiting.set(stream, (proceed) => {
        signal.removeEventListener("abort", goOn);
        resolve(proceed);
      });
    });
  }

  private async learn(message: StreamMessage): Promise<void> {
    const mine = new Map<number, Contender>();
    for (const member of message.members) {
      const contender = await this.opening.get(member);
      if (contender) mine.set(member, contender);
    }
    const { tell, stopping, task } = this;
    const options = { contenders: mine, progressMs: task.progressMs, stop: stopping.signal, tell };
    await new StreamLoop(message, { ...options, roundOver: () => this.roundOver(message.stream) }).run();
  }

  private async abort(): Promise<void> {
    this.clean = false;
    for (const contender of await Promise.all(this.opening.values())) await contender?.trainer.close();
  }
}

workTasks<LearnTask>((task) => new Learning(task).run());
