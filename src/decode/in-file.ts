import { HashbrookError } from "../core/errors.js";

/** Runs `scan`, adding the file's name to errors about its header or a message's length. */
export function inFile<T>(file: string, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof HashbrookError) || error.code !== "source_unreadable") throw error;
    const { code, message, hint } = error;
    throw new HashbrookError(code, `${file}: ${message}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}
