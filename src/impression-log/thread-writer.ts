import { Worker } from "node:worker_threads";
import { builtFile } from "../core/built-file.js";
import { systemClock } from "../core/clock.js";
import { threadFlags } from "../core/node-flags.js";
import { ThreadCalls } from "../serve/threads/thread-calls.js";
import type { Scoring, Serving } from "./compose.js";
import type { LogCalls } from "./log-calls.js";
import type { Written } from "./log-writer.js";
import { packScorings } from "./packed-scorings.js";
import type { Writer } from "./recorder.js";
import type { Shape } from "./shape.js";

/** Shortest time between two starts of a thread, in ms: what comes meanwhile is dropped. */
const RESTART_MS = 1_000;

/** Writes a log in a thread of its own, which is replaced if it ends. */
export class ThreadWriter implements Writer {
  private readonly to: string;
  private readonly serving: Serving;
  private readonly told: (text: string) => void;
  private readonly shapes = new Map<string, Shape>();
  private calls: ThreadCalls<LogCalls>;
  private restart: Promise<ThreadCalls<LogCalls>> | null = null;
  private restarted = Number.NEGATIVE_INFINITY;

  private constructor(to: string, serving: Serving, calls: ThreadCalls<LogCalls>, told: (text: string) => void) {
    this.to = to;
    this.serving = serving;
    this.calls = calls;
    this.told = told;
  }

  /**
   * @param told receives that the thread ended and was replaced
   * @throws as `Recorder.open`
   */
  static async open(to: string, serving: Serving, told: (text: string) => void): Promise<ThreadWriter> {
    return new ThreadWriter(to, serving, await opened(to, serving), told);
  }

  tell(specHash: string, shape: Shape): void {
    this.shapes.set(specHash, shape);
    void this.calls.call("tell", { specHash, shape }).catch(() => undefined);
  }

  async write(scorings: readonly Scoring[]): Promise<Written> {
    const calls = await this.living();
    const packed = packScorings(scorings);
    return calls.call("write", packed, [packed.bodies.buffer, packed.scores.buffer]);
  }

  async tick(): Promise<Written> {
    return (await this.living()).call("tick", undefined);
  }

  async close(): Promise<Written> {
    await this.restart?.catch(() => undefined);
    const written = await this.calls.call("close", undefined);
    await this.calls.close();
    return written;
  }

  /** The thread, started again if it has ended. */
  private async living(): Promise<ThreadCalls<LogCalls>> {
    const now = systemClock.now();
    if (this.calls.alive || (!this.restart && now - this.restarted < RESTART_MS)) return this.calls;
    this.restarted = now;
    this.restart ??= this.renewed().finally(() => {
      this.restart = null;
    });
    return this.restart;
  }

  private async renewed(): Promise<ThreadCalls<LogCalls>> {
    const { message } = await this.calls.ended;
    const calls = await opened(this.to, this.serving);
    for (const [specHash, shape] of this.shapes) void calls.call("tell", { specHash, shape }).catch(() => undefined);
    this.told(`${message}; it was started again`);
    this.calls = calls;
    return calls;
  }
}

async function opened(to: string, serving: Serving): Promise<ThreadCalls<LogCalls>> {
  const worker = new Worker(builtFile("impression-log/log-worker.js"), { execArgv: threadFlags() });
  const calls = new ThreadCalls<LogCalls>(worker, "the writer thread of the impression log");
  try {
    await calls.call("open", { to, serving });
    return calls;
  } catch (error) {
    await calls.close();
    throw error;
  }
}
