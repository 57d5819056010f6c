import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { fromPlainError, HashbrookError, toPlainError } from "../core/errors.js";
import { Thread } from "../core/thread-pool.js";
import type { ChangedRows, Increment } from "./chain-writer.js";
import { CopyMemory } from "./copy-memory.js";
import type { Saved } from "./store.js";
import type { FromWriter, ToWriter, WriterSetup, WriterTask } from "./writer-messages.js";

const POLL_MS = 2;
/** How long a stopped thread may take to report that it can be reused. */
const PARTING_MS = 1_000;

/**
 * The trainer's handle to a thread that writes increments while learning continues. One save at a time; `poll` returns
 * its outcome.
 */
export class WriterThread {
  /** Memory for copies to be handed over. */
  readonly memory = new CopyMemory();
  private readonly thread: Thread;
  private readonly port: MessagePort;
  private failure: HashbrookError | null = null;
  private saving = false;
  private stopped = false;
  /** The thread has ended by itself: nothing more will come. */
  private dead = false;

  constructor(setup: WriterSetup) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    // The process's own flags may be for its main program (--input-type).
    this.thread = Thread.take("checkpoints/writer-worker.js", []);
    this.thread.begin({ ...setup, port: port2 } satisfies WriterTask, [port2], (error) => this.fail(error));
  }

  /** Whether a save is in progress, so that the next one must wait. */
  get busy(): boolean {
    return this.saving;
  }

  /** Hands an increment over, transferring its arrays. @throws what went wrong before */
  save(increment: Increment): void {
    this.poll();
    if (this.saving) throw new HashbrookError("internal", "a checkpoint is already being saved");
    this.saving = true;
    const whole = increment.blocks.map(({ data }) => data.buffer);
    this.post({ type: "save", increment }, [...whole, ...memoryOf(increment.patches)]);
  }

  /** Hands over rows of the next increment, copied before the rest of it, transferring their memory. */
  copyAhead(rows: readonly ChangedRows[]): void {
    this.post({ type: "rows", rows }, memoryOf(rows));
  }

  private post(message: ToWriter, memory: readonly ArrayBufferLike[]): void {
    this.port.postMessage(message, [...new Set(memory)] as ArrayBuffer[]);
  }

  /**
   * The save that has become durable since the last call, if any.
   * @throws HashbrookError the writer's failure: checkpoint_write, checkpoint_locked, checkpoint_damaged
   */
  poll(): Saved | null {
    let saved: Saved | null = null;
    for (let next = receiveMessageOnPort(this.port); next; next = receiveMessageOnPort(this.port)) {
      const message = next.message as FromWriter;
      if (message.type === "stopped") this.stopped = true;
      if (message.type === "error") this.failure ??= fromPlainError(message.error);
      if (message.type === "used") this.memory.give(message.buffers);
      if (message.type !== "saved") continue;
      saved = message.saved;
      this.saving = false;
    }
    if (this.failure && !saved) throw this.failure;
    return saved;
  }

  /** Waits for a save in progress. @throws as `poll` */
  async settled(): Promise<Saved | null> {
    for (;;) {
      const saved = this.poll();
      if (saved || !this.saving) return saved;
      await sleep(POLL_MS);
    }
  }

  /** Aborts a compaction in progress; the thread then writes nothing more of this run. Never throws. */
  async stop(): Promise<void> {
    this.port.postMessage({ type: "stop" } satisfies ToWriter);
    while (!this.stopped) {
      try {
        this.poll();
      } catch {
        // Failures were reported before, or will be by the next call; here only the thread's end is awaited.
        if (this.dead) break;
      }
      if (!this.stopped) await sleep(POLL_MS);
    }
    this.stopped = true;
    await this.thread.release(PARTING_MS);
    this.port.close();
  }

  private fail(error: unknown): void {
    this.dead = true;
    const { code, message, hint } = toPlainError(error);
    this.failure ??= new HashbrookError(code, `the checkpoint writer failed: ${message}`, { hint, cause: error });
  }
}

function memoryOf(copies: readonly ChangedRows[]): ArrayBufferLike[] {
  return copies.flatMap(({ rows, data }) => [rows.buffer, data.buffer]);
}
