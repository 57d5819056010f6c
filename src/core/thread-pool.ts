import { setTimeout as sleep } from "node:timers/promises";
import { SHARE_ENV, type Transferable, Worker } from "node:worker_threads";
import { builtFile } from "./built-file.js";
import { HashbrookError } from "./errors.js";
import { threadFlags } from "./node-flags.js";

/** A thread's report at the end of a task: whether it can run another one. */
export type TaskEnd = "reusable" | "spent";

/** Maximum number of idle threads per kind; more are rarely needed at a time. */
const MOST_IDLE = 2;
/** Maximum idle time of a thread, in ms; after that a process that has trained once gets its memory back. */
const IDLE_MS = 10_000;

const idle = new Map<string, Set<Thread>>();

/**
 * A thread that runs one task at a time (`workTasks`). Starting it and loading its modules and kernels costs more than
 * many a task, so a thread whose task ended cleanly is kept for a while for the next one. An idle thread does not keep
 * the process alive.
 */
export class Thread {
  private readonly entry: string;
  /** Null: the system has not started it. */
  private readonly worker: Worker | null;
  private ended: (how: TaskEnd) => void = () => {};
  private failed: (error: unknown) => void = () => {};
  private end: Promise<TaskEnd> = Promise.resolve("reusable");
  private expiry: NodeJS.Timeout | undefined;
  /** The error that ended the thread, if it has ended. */
  private death: { readonly error: unknown } | null = null;

  private constructor(entry: string, execArgv: string[] | undefined) {
    this.entry = entry;
    // Credentials are read from the environment in threads: a kept thread must not use those of the time it was
    // started.
    this.worker = this.start(() => new Worker(builtFile(entry), { env: SHARE_ENV, execArgv }));
    this.worker?.on("message", (how: TaskEnd) => this.ended(how));
    this.worker?.on("error", (error) => this.die(error));
    this.worker?.on("exit", (code) => this.die(new HashbrookError("internal", `${entry} ended with code ${code}`)));
  }

  /** A thread that cannot start has died, so that whoever has others beside it ends them. */
  private start(create: () => Worker): Worker | null {
    try {
      return create();
    } catch (error) {
      this.death = { error };
      return null;
    }
  }

  /**
   * An idle thread, or a new one.
   * @param entry the file of its module, below `dist`
   * @param execArgv Node's flags for a new one. Default: the process's, as far as they are for threads
   */
  static take(entry: string, execArgv = threadFlags()): Thread {
    const [kept] = idle.get(entry) ?? [];
    return kept?.taken() ?? new Thread(entry, execArgv);
  }

  /** Starts a task. @param failed receives an error that ends the thread */
  begin(task: object, transfer: readonly Transferable[], failed: (error: unknown) => void): void {
    this.failed = failed;
    this.end = new Promise((resolve) => {
      this.ended = resolve;
    });
    if (this.death) this.die(this.death.error);
    else this.worker?.postMessage(task, [...transfer]);
  }

  /**
   * Waits for the task's end, for at most `patience` (ms). The thread is kept if the task ended cleanly, and terminated
   * otherwise.
   */
  async release(patience: number): Promise<void> {
    const how = await Promise.race([this.end, sleep(patience, "spent", { ref: false })]);
    this.failed = () => {};
    const others = idle.get(this.entry) ?? new Set();
    if (how !== "reusable" || others.size >= MOST_IDLE) {
      await this.worker?.terminate();
      return;
    }
    idle.set(this.entry, others.add(this));
    this.worker?.unref();
    this.expiry = setTimeout(() => this.expire(), IDLE_MS).unref();
  }

  private taken(): this {
    clearTimeout(this.expiry);
    idle.get(this.entry)?.delete(this);
    this.worker?.ref();
    return this;
  }

  private async expire(): Promise<void> {
    idle.get(this.entry)?.delete(this);
    await this.worker?.terminate();
  }

  private die(error: unknown): void {
    this.death ??= { error };
    idle.get(this.entry)?.delete(this);
    this.failed(error);
    this.ended("spent");
  }
}
