import { systemClock } from "../core/clock.js";
import { toPlainError } from "../core/errors.js";
import { workTasks } from "../core/thread-tasks.js";
import { ChainWriter, type ChangedRows, type Increment } from "./chain-writer.js";
import { joinRows } from "./join-rows.js";
import type { FromWriter, ToWriter, WriterTask } from "./writer-messages.js";

/** Writes the increments of a run until it is stopped. */
class Writing {
  private readonly task: WriterTask;
  private readonly writer: ChainWriter;
  /** Whether a step of pending work is scheduled. */
  private working = false;
  private stopped = false;
  /** Rows of the next increment that have arrived already, oldest first. */
  private ahead: ChangedRows[] = [];

  private constructor(task: WriterTask, ended: () => void) {
    this.task = task;
    this.writer = new ChainWriter(task.directory, task.options);
    task.port.on("message", (message: ToWriter) => {
      if (message.type === "rows") this.ahead.push(...message.rows);
      else if (message.type === "save") this.take(message.increment);
      else this.stop(ended);
    });
  }

  /** Resolves when nothing of the run is being written any more. */
  static run(task: WriterTask): Promise<boolean> {
    return new Promise((resolve) => new Writing(task, () => resolve(true)));
  }

  private tell(message: FromWriter, memory: readonly ArrayBuffer[] = []): void {
    this.task.port.postMessage(message, [...memory]);
  }

  /** Runs work of the writer; failures are reported to the trainer. */
  private attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.tell({ type: "error", error: toPlainError(error) });
    }
  }

  private take(increment: Increment): void {
    const started = systemClock.now();
    this.attempt(() => this.save(increment));
    this.compact(systemClock.now() - started);
  }

  private save({ patches, ...rest }: Increment): void {
    const earlier = this.ahead;
    this.ahead = [];
    const joined = patches.map((patch) =>
      joinRows(
        earlier.filter(({ name }) => name === patch.name),
        patch,
      ),
    );
    const saved = this.writer.save({ ...rest, patches: joined });
    const buffers = [...earlier, ...patches].map(({ data }) => data.buffer as ArrayBuffer);
    this.tell({ type: "used", buffers }, buffers);
    this.tell({ type: "saved", saved });
  }

  /**
   * Compacts in steps, between which increments have priority. If they come without a pause, compaction gets half of
   * the time: no chain may grow faster than it is compacted.
   */
  private compact(leastMs: number): void {
    const end = systemClock.now() + leastMs;
    this.attempt(() => {
      let more = this.writer.step();
      while (more && systemClock.now() < end) more = this.writer.step();
      if (more) this.later();
    });
  }

  private later(): void {
    if (this.working) return;
    this.working = true;
    setImmediate(() => {
      this.working = false;
      if (!this.stopped) this.compact(0);
    });
  }

  private stop(ended: () => void): void {
    this.stopped = true;
    this.attempt(() => this.writer.abandon());
    this.tell({ type: "stopped" });
    this.task.port.close();
    ended();
  }
}

workTasks<WriterTask>(Writing.run);
