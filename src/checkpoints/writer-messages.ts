import type { MessagePort } from "node:worker_threads";
import type { PlainError } from "../core/errors.js";
import type { ChainOptions, ChangedRows, Increment } from "./chain-writer.js";
import type { Saved } from "./store.js";

/** Where a run's checkpoints are, and how they are written. */
export interface WriterSetup {
  readonly directory: string;
  readonly options: ChainOptions;
}

/** The task of a writer thread. */
export interface WriterTask extends WriterSetup {
  /** To the trainer. */
  readonly port: MessagePort;
}

/** Trainer → writer. */
export type ToWriter =
  | { readonly type: "save"; readonly increment: Increment }
  /** Rows of the next increment, copied ahead of it; later copies of a row take precedence. */
  | { readonly type: "rows"; readonly rows: readonly ChangedRows[] }
  /** Abort any compaction; nothing more will come. */
  | { readonly type: "stop" };

/** Writer → trainer. */
export type FromWriter =
  | { readonly type: "saved"; readonly saved: Saved }
  /** Memory of copies that have been used. */
  | { readonly type: "used"; readonly buffers: readonly ArrayBuffer[] }
  | { readonly type: "error"; readonly error: PlainError }
  | { readonly type: "stopped" };
