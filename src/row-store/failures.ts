import { HashbrookError } from "../core/errors.js";

/** The library's error numbers for a damaged file. */
const DAMAGE = new Set([-30797, -30796, -30793, -30784, -30779]);

/** The error for a database whose content is not as written. */
export function damaged(what: string, cause?: unknown): HashbrookError {
  return new HashbrookError("row_store_damaged", `row store: ${what}`, {
    hint: "the store is rebuilt with the next entry of the log; if there is none, restart the server",
    cause,
  });
}

/** The error for a failed call of the library. */
export function failure(where: string, error: unknown): HashbrookError {
  if (error instanceof HashbrookError) return error;
  const { code, message } = error as { code?: unknown; message: string };
  if (DAMAGE.has(Number(code))) return damaged(`${where}: ${message}`, error);
  return new HashbrookError("row_store_write", `row store: ${where}: ${message}`, {
    hint: "free space on its disk; the change was rolled back",
    cause: error,
  });
}
