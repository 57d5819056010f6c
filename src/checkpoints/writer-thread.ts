import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { fromPlainError, HashbrookError } from "../core/errors.js";
import { Thread } from "../core/thread-pool.js";
import type { ChangedRows, Increment } from "./chain-writer.js";
import { CopyMemory } from "./copy-memory.js";
import type { Saved } from "./store.js";
import type { FromWriter, ToWriter, WriterSetup, WriterTask } from "./writer-messages.js";

const POLL_MS = 2;
/** How long a thread that has stopped may take to say that it can work another run. */
const PARTING_MS = 1_000;

/**
 * A thread that writes increments while the caller goes on learning. One save at a time; the caller asks with `poll` what
 * has become of it.
 */
export class WriterThread {
  /** Where copies to be handed over are made. */
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
    this.thread.begin({ ...setup, port: port2 } satisfies WriterTask, [port2], (error) => this.fail(String(error)));
  }

  /** A save is under way: the next must wait. */
  get busy(): boolean {
    return this.saving;
  }

  /** Hands an increment over; its arrays' memory goes with it. @throws what went wrong before */
  save(increment: Increment): void {
    this.poll();
    if (this.saving) throw new HashbrookError("internal", "a checkpoint is being saved already");
    this.saving = true;
    const whole = increment.blocks.map(({ data }) => data.buffer);
    this.post({ type: "save", increment }, [...whole, ...memoryOf(increment.patches)]);
  }

  /** Hands over rows of the next increment, copied before the rest of it. Their memory goes with them. */
  copyAhead(rows: readonly ChangedRows[]): void {
    this.post({ type: "rows", rows }, memoryOf(rows));
  }

  private post(message: ToWriter, memory: readonly ArrayBufferLike[]): void {
    this.port.postMessage(message, [...new Set(memory)] as ArrayBuffer[]);
  }

  /**
   * The save that has become durable since the last call, if one has.
   * @throws HashbrookError what went wrong in the writer: checkpoint_write, checkpoint_locked, checkpoint_damaged
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

  /** Waits for the save under way. @throws as `poll` */
  async settled(): Promise<Saved | null> {
    for (;;) {
      const saved = this.poll();
      if (saved || !this.saving) return saved;
      await sleep(POLL_MS);
    }
  }

  /** Gives up a compaction at hand; the thread then writes nothing more of this run. Never throws. */
  async stop(): Promise<void> {
    this.port.postMessage({ type: "stop" } satisfies ToWriter);
    while (!this.stopped) {
      try {
        this.poll();
      } catch {
        // Told before, or told by the next one who asks; here the thread's end is waited for.
        if (this.dead) break;
      }
      if (!this.stopped) await sleep(POLL_MS);
    }
    this.stopped = true;
    await this.thread.release(PARTING_MS);
    this.port.close();
  }

  private fail(reason: string): void {
    this.dead = true;
    this.failure ??= new HashbrookError("internal", `the checkpoint writer failed: ${reason}`);
  }
}

function memoryOf(copies: readonly ChangedRows[]): ArrayBufferLike[] {
  return copies.flatMap(({ rows, data }) => [rows.buffer, data.buffer]);
}
