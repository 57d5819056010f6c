import type { MessagePort } from "node:worker_threads";
import type { Room } from "../../core/batch.js";
import type { Piece } from "../validation/validated.js";
import type { BatchMessage, FromDecoder, ToDecoder } from "./thread-messages.js";

/** Messages from consumers that do not concern buffers. */
export interface OutletEvents {
  message(message: Exclude<ToDecoder, { type: "free" | "stop" }>, port: MessagePort): void;
  /** The last consumer has left. */
  left(): void;
}

export interface PassOptions {
  /** Events to learn; Infinity = all. */
  readonly limit: number;
  /** What the consumer needs to know about the source with every batch. */
  readonly known: () => Pick<BatchMessage, "fingerprints" | "totalBytes" | "ends">;
  /** Identifies the validation events. */
  readonly validation: string;
}

/**
 * The consumers of a decoding thread: all receive what is sent, and a buffer is free again when all have returned it.
 */
export class Outlets {
  /** Buffers held by each consumer. */
  private readonly held: Map<MessagePort, Set<number>>;
  private readonly free: number[] = [];
  private wake = () => {};

  constructor(ports: readonly MessagePort[], events: OutletEvents) {
    this.held = new Map(ports.map((port) => [port, new Set<number>()]));
    for (const port of ports) {
      port.on("message", (message: ToDecoder) => {
        if (message.type === "free") this.handBack(port, message.slot);
        else if (message.type === "stop") {
          this.leave(port);
          if (this.held.size === 0) events.left();
        } else events.message(message, port);
      });
    }
  }

  /** Consumers that have not left. */
  get ports(): readonly MessagePort[] {
    return [...this.held.keys()];
  }

  /** Shares the buffers to put batches into, in turn. @returns a function that gives a free one */
  share(buffers: readonly Room[]): () => Room {
    this.free.push(...buffers.keys());
    this.send({ type: "buffers", buffers });
    return () => buffers[this.next];
  }

  /** The buffer to decode into. */
  get next(): number {
    return this.free[0];
  }

  send(message: FromDecoder): void {
    for (const port of this.held.keys()) port.postMessage(message);
  }

  /** Passes batches on, each in a free buffer. @returns true when the limit was reached */
  async pass(pieces: AsyncIterable<Piece>, { limit, known, validation }: PassOptions): Promise<boolean> {
    let left = limit;
    for await (const piece of pieces) {
      if (piece.kind === "validated") {
        this.send({ type: "validated", epoch: piece.epoch, data: validation });
        continue;
      }
      const { buffer: _, base: __, ...decoded } = piece.decoded;
      if (piece.kind === "learn") left -= decoded.rows;
      await this.sendBuffer((slot) => ({ type: "batch", kind: piece.kind, slot, decoded, ...known() }));
    }
    return left === 0;
  }

  /** Sends the next buffer to all, and waits until another one is free. */
  private async sendBuffer(message: (slot: number) => FromDecoder): Promise<void> {
    const slot = this.free.shift()!;
    for (const slots of this.held.values()) slots.add(slot);
    this.send(message(slot));
    while (this.free.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private handBack(port: MessagePort, slot: number): void {
    if (!this.held.get(port)?.delete(slot)) return;
    for (const slots of this.held.values()) if (slots.has(slot)) return;
    this.free.push(slot);
    this.wake();
  }

  private leave(port: MessagePort): void {
    const slots = [...(this.held.get(port) ?? [])];
    // The last consumer's buffers need not be returned.
    if (this.held.size > 1) for (const slot of slots) this.handBack(port, slot);
    this.held.delete(port);
  }
}
