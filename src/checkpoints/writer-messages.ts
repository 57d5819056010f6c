import type { MessagePort } from "node:worker_threads";
import type { PlainError } from "../core/errors.js";
import type { ChainOptions, ChangedRows, Increment } from "./chain-writer.js";
import type { Saved } from "./store.js";

/** Where a run's checkpoints are, and how they are written. */
export interface WriterSetup {
  readonly directory: string;
  readonly options: ChainOptions;
}

/** What a writer thread is given. */
export interface WriterTask extends WriterSetup {
  /** Of the trainer. */
  readonly port: MessagePort;
}

/** Trainer → writer. */
export type ToWriter =
  | { readonly type: "save"; readonly increment: Increment }
  /** Rows of the increment that will be saved next, copied ahead of it; a later copy of a row counts. */
  | { readonly type: "rows"; readonly rows: readonly ChangedRows[] }
  /** Give up any compaction; nothing more will come. */
  | { readonly type: "stop" };

/** Writer → trainer. */
export type FromWriter =
  | { readonly type: "saved"; readonly saved: Saved }
  /** Memory of copies that have been used. */
  | { readonly type: "used"; readonly buffers: readonly ArrayBuffer[] }
  | { readonly type: "error"; readonly error: PlainError }
  | { readonly type: "stopped" };
