import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { builtFile } from "../core/built-file.js";
import { fromPlainError, HashbrookError } from "../core/errors.js";
import type { ChangedRows, Increment } from "./chain-writer.js";
import { CopyMemory } from "./copy-memory.js";
import type { Saved } from "./store.js";
import type { FromWriter, ToWriter, WriterSetup } from "./writer-messages.js";

const POLL_MS = 2;

/**
 * A thread that writes increments while the caller goes on learning. One save at a time; the caller asks with `poll` what
 * has become of it.
 */
export class WriterThread {
  /** Where copies to be handed over are made. */
  readonly memory = new CopyMemory();
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private failure: HashbrookError | null = null;
  private saving = false;
  private stopped = false;
  /** The thread has ended by itself: nothing more will come. */
  private dead = false;

  constructor(setup: WriterSetup) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.worker = new Worker(builtFile("checkpoints/writer-worker.js"), {
      workerData: { ...setup, port: port2 },
      transferList: [port2],
      // The process's own flags may be for its main program (--input-type).
      execArgv: [],
    });
    this.worker.on("error", (error) => this.fail(String(error)));
    this.worker.on("exit", (code) => {
      if (!this.stopped) this.fail(`it ended with code ${code}`);
    });
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

  /** Gives up a compaction at hand and ends the thread, which then writes nothing more. Never throws. */
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
    await this.worker.terminate();
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
