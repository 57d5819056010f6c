import { HashbrookError } from "../core/errors.js";
import { writeError } from "../core/files.js";

/** A file of a store that cannot be written. */
export function storeWriteError(path: string, error: unknown): HashbrookError {
  if (error instanceof HashbrookError) return error;
  const { message, hint } = writeError(path, error);
  return new HashbrookError("log_write", message, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

/** No response, or one that says: not now. */
export function unreachable(url: string, why: string, cause?: unknown): HashbrookError {
  return new HashbrookError("store_unreachable", `${url}: ${why}`, {
    cause,
    hint: "check that the store is running, that its address is right, and that this machine can reach it",
  });
}

/** Whether a response with this status says: not now. */
export const isTemporary = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** An unexpected response: neither the object nor "not found". */
export function answerError(url: string, status: number): HashbrookError {
  if (isTemporary(status)) return unreachable(url, `responded with status ${status}`);
  const hint =
    status === 401 || status === 403
      ? "check the credentials and their permissions: see docs/OPERATIONS.md for their variables"
      : "check that the address is that of a delta log's objects";
  return new HashbrookError("store_refused", `${url}: responded with status ${status}`, { hint });
}

/** Why a request failed, with the system's reason if there is one. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
