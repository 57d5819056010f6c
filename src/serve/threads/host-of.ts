import { HashbrookError } from "../../core/errors.js";
import type { LoadOptions } from "../scorer.js";
import type { Host } from "./host.js";
import { LocalHost } from "./local-host.js";
import { ScoringThreads } from "./threads.js";

/** Chooses where a scorer's models are. @throws HashbrookError usage */
export function hostOf({ workers = 0, threads, precision, dims, prior, rowStore: rows }: LoadOptions): Host {
  if (rows && (threads || workers > 0 || dims || prior !== undefined))
    throw new HashbrookError("usage", "a row store is read by one thread, and holds whole rows that do not learn", {
      hint: "leave workers, dims and --explore thompson out",
    });
  if (threads) return threads.host(precision, dims);
  if (workers === 0) return new LocalHost({ precision, dims, prior, rows });
  const own = new ScoringThreads(workers);
  return { ...own.host(precision, dims), close: () => own.close() };
}
