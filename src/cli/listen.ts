import { HashbrookError } from "../core/errors.js";
import { errorCode } from "../core/files.js";

/**
 * Runs `listen`, translating its errors.
 * @param flag that chooses the port: "--port"
 * @throws HashbrookError usage if the address is not available
 */
export async function listening<T>(listen: () => Promise<T>, flag: string): Promise<T> {
  try {
    return await listen();
  } catch (cause) {
    if (!["EADDRINUSE", "EACCES", "EADDRNOTAVAIL", "ENOTFOUND"].includes(errorCode(cause) ?? "")) throw cause;
    const named = ["ENOTFOUND", "EADDRNOTAVAIL"].includes(errorCode(cause) ?? "") ? "--host" : flag;
    throw new HashbrookError("usage", `${named}: ${(cause as Error).message}`, {
      hint: `choose another port with ${flag} (0 picks a free one), or another address with --host`,
      cause,
    });
  }
}
