import type { MessagePort } from "node:worker_threads";
import type { Delivery, DeltaSink, DeltaSource, Entry, FollowFrom, WriterFacts } from "./delta-log.js";
import { openFrames, sealFrame } from "./frame.js";

/** Frames in flight that the follower has not taken yet. */
const WINDOW = 32;

/** Messages from follower to writer: it starts over under an id; it has taken a frame; it has left. */
type ToWriter =
  | { readonly type: "follow"; readonly id: number }
  | { readonly type: "taken" }
  | { readonly type: "gone" };
type ToFollower =
  | { readonly type: "frame"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: "caught-up"; readonly id: number };

/**
 * The writing end of an in-process log: nothing is stored; a follower gets a snapshot with the next entry after its
 * request.
 */
export class InProcessSink implements DeltaSink {
  private readonly port: MessagePort;
  private readonly writer: WriterFacts;
  private follower: { readonly id: number; begun: boolean } | null = null;
  private underway = 0;
  private wake = () => {};

  constructor(port: MessagePort, writer: WriterFacts) {
    this.port = port;
    this.writer = writer;
    port.on("message", (message: ToWriter) => this.hear(message));
    port.on("close", () => this.hear({ type: "gone" }));
    port.unref();
  }

  async needsSnapshot(): Promise<boolean> {
    return this.follower !== null && !this.follower.begun;
  }

  async append(entry: Entry): Promise<void> {
    const { follower } = this;
    if (!follower || (entry.kind === "snapshot") === follower.begun) return;
    for (const body of entry.bodies()) {
      while (this.underway >= WINDOW && this.follower === follower)
        await new Promise<void>((wake) => (this.wake = wake));
      if (this.follower !== follower) return;
      this.underway++;
      const { epoch, now } = this.writer;
      this.tell({ type: "frame", id: follower.id, bytes: sealFrame({ epoch, sent: now(), body }) });
    }
    if (follower.begun) return;
    follower.begun = true;
    this.tell({ type: "caught-up", id: follower.id });
  }

  async close(): Promise<void> {
    this.port.close();
  }

  private tell(message: ToFollower): void {
    this.port.postMessage(message, message.type === "frame" ? [message.bytes.buffer as ArrayBuffer] : []);
  }

  private hear(message: ToWriter): void {
    if (message.type === "taken") this.underway--;
    else this.follower = message.type === "follow" ? { id: message.id, begun: false } : null;
    if (message.type === "gone") this.underway = 0;
    this.wake();
  }
}

/** The reading end of an in-process log. */
export class InProcessSource implements DeltaSource {
  private readonly port: MessagePort;
  private readonly inbox: ToFollower[] = [];
  private id = 0;
  private closed = false;
  private wake = () => {};

  constructor(port: MessagePort) {
    this.port = port;
    port.on("message", (message: ToFollower) => {
      this.inbox.push(message);
      this.wake();
    });
    port.on("close", () => {
      this.closed = true;
      this.wake();
    });
    port.unref();
  }

  async *follow(_from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    const id = ++this.id;
    const stop = () => this.wake();
    signal.addEventListener("abort", stop);
    this.tell({ type: "follow", id });
    try {
      while (!signal.aborted && (!this.closed || this.inbox.length > 0)) {
        const message = this.inbox.shift();
        if (!message) {
          await new Promise<void>((wake) => (this.wake = wake));
          continue;
        }
        if (message.type === "frame") this.tell({ type: "taken" });
        if (message.id === id) yield* deliveries(message);
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async close(): Promise<void> {
    this.tell({ type: "gone" });
    this.port.close();
  }

  private tell(message: ToWriter): void {
    this.port.postMessage(message);
  }
}

function* deliveries(message: ToFollower): Generator<Delivery> {
  if (message.type === "caught-up") yield { type: "caught-up" };
  else for (const frame of openFrames(message.bytes)) yield { type: "frame", frame };
}
