import { refusalOf } from "./system-errors.js";

/** How an error is reported: the process's exit code and, over HTTP, the status. */
interface ErrorFacts {
  readonly exit: number;
  readonly status: number;
}

/** Every code an error of Hashbrook can carry. `docs/ERRORS.md` lists the same codes (a test compares them). */
export const errorFacts = {
  usage: { exit: 2, status: 400 },
  spec_invalid: { exit: 2, status: 400 },
  request_invalid: { exit: 2, status: 400 },
  request_too_large: { exit: 2, status: 413 },
  items_too_many: { exit: 2, status: 422 },
  source_missing: { exit: 3, status: 500 },
  source_changed: { exit: 3, status: 500 },
  already_learned: { exit: 3, status: 500 },
  source_unreadable: { exit: 3, status: 500 },
  offsets_lost: { exit: 3, status: 500 },
  retention_short: { exit: 3, status: 500 },
  stream_changed: { exit: 3, status: 500 },
  topic_replaced: { exit: 3, status: 500 },
  too_many_rejects: { exit: 4, status: 500 },
  wrong_time_unit: { exit: 4, status: 500 },
  gate_held: { exit: 4, status: 500 },
  diverged: { exit: 4, status: 500 },
  lanes_diverged: { exit: 4, status: 500 },
  lanes_displaced: { exit: 9, status: 503 },
  lanes_cut_off: { exit: 9, status: 503 },
  all_rejected: { exit: 4, status: 500 },
  metric_undefined: { exit: 4, status: 500 },
  scores_differ: { exit: 4, status: 500 },
  nothing_verified: { exit: 4, status: 500 },
  propensity_missing: { exit: 4, status: 500 },
  budget_too_small: { exit: 2, status: 500 },
  time_too_short: { exit: 2, status: 500 },
  ledger_mismatch: { exit: 5, status: 500 },
  ledger_damaged: { exit: 5, status: 500 },
  checkpoint_missing: { exit: 5, status: 404 },
  checkpoint_damaged: { exit: 5, status: 500 },
  checkpoint_mismatch: { exit: 5, status: 500 },
  checkpoint_write: { exit: 6, status: 500 },
  checkpoint_locked: { exit: 5, status: 500 },
  cache_missing: { exit: 3, status: 500 },
  cache_damaged: { exit: 3, status: 500 },
  cache_mismatch: { exit: 3, status: 500 },
  cache_write: { exit: 6, status: 500 },
  log_damaged: { exit: 5, status: 500 },
  log_mismatch: { exit: 5, status: 500 },
  log_fenced: { exit: 5, status: 500 },
  log_write: { exit: 6, status: 500 },
  row_store_locked: { exit: 5, status: 500 },
  row_store_damaged: { exit: 5, status: 500 },
  row_store_mismatch: { exit: 5, status: 500 },
  row_store_write: { exit: 6, status: 500 },
  store_unreachable: { exit: 8, status: 503 },
  store_refused: { exit: 8, status: 500 },
  not_ready: { exit: 5, status: 503 },
  request_aborted: { exit: 5, status: 499 },
  model_unknown: { exit: 5, status: 404 },
  overloaded: { exit: 5, status: 503 },
  deadline_exceeded: { exit: 5, status: 504 },
  rate_limited: { exit: 5, status: 429 },
  unauthorized: { exit: 2, status: 401 },
  output_exists: { exit: 5, status: 500 },
  output_closed: { exit: 141, status: 500 },
  table_full: { exit: 7, status: 500 },
  memory_short: { exit: 7, status: 500 },
  runtime_unavailable: { exit: 7, status: 500 },
  kafka_unreachable: { exit: 8, status: 503 },
  kafka_auth: { exit: 8, status: 500 },
  kafka_topic_missing: { exit: 8, status: 500 },
  kafka_failed: { exit: 8, status: 500 },
  kafka_damaged: { exit: 8, status: 500 },
  schema_registry_failed: { exit: 8, status: 503 },
  internal: { exit: 70, status: 500 },
} as const satisfies Record<string, ErrorFacts>;

/** What an error is: a row of docs/ERRORS.md. */
export type ErrorCode = keyof typeof errorFacts;

/**
 * An error with a code for programs to branch on, and a hint that tells a person how to fix it. `message` names the
 * place (file, line, field) first.
 */
export class HashbrookError extends Error {
  /** For programs to branch on. */
  readonly code: ErrorCode;
  /** What a person can do about it. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HashbrookError";
    this.code = code;
    this.hint = options.hint;
  }

  /** Exit status of a command that ends with this error. */
  get exit(): number {
    return errorFacts[this.code].exit;
  }

  /** HTTP status of a response that reports it. */
  get status(): number {
    return errorFacts[this.code].status;
  }
}

/** An error as plain data, for crossing threads and for `--json`. */
export interface PlainError {
  /** A code of docs/ERRORS.md. */
  readonly code: ErrorCode;
  /** What is wrong, and where. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | undefined;
}

/**
 * Any thrown value as plain data. What the operating system refused becomes "source_unreadable", or
 * "runtime_unavailable" if it is a limit; anything else but a HashbrookError becomes "internal", with its stack.
 */
export function toPlainError(error: unknown): PlainError {
  if (isHashbrooks(error)) return { code: error.code, message: error.message, hint: error.hint };
  const refusal = refusalOf(error);
  if (refusal) {
    const { limit, message, hint } = refusal;
    return { code: limit ? "runtime_unavailable" : "source_unreadable", message, hint };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "internal", message, hint: undefined };
}

/** Also one that ended a thread: Node passes on its properties, but not its class. */
const isHashbrooks = (error: unknown): error is HashbrookError =>
  error instanceof HashbrookError || (error instanceof Error && error.name === "HashbrookError" && "code" in error);

export function fromPlainError(plain: PlainError): HashbrookError {
  return new HashbrookError(plain.code, plain.message, plain.hint === undefined ? {} : { hint: plain.hint });
}
