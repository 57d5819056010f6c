import { HashbrookError } from "../../core/errors.js";
import type { LoadOptions } from "../scorer-options.js";
import type { Host } from "./host.js";
import { LocalHost } from "./local-host.js";
import { ScoringThreads } from "./threads.js";

/** Chooses where a scorer's models are. @throws HashbrookError usage */
export function hostOf({ workers = 0, threads, precision, dims, prior, rowStore: rows }: LoadOptions): Host {
  if (rows && (threads || workers > 0 || dims || prior !== undefined))
    throw new HashbrookError("usage", "a row store cannot be combined with workers, dims or --explore thompson", {
      hint: "leave them out: one thread reads a row store, and it holds complete rows without the optimizer's state",
    });
  if (threads) return threads.host(precision, dims);
  if (workers === 0) return new LocalHost({ precision, dims, prior, rows });
  const own = new ScoringThreads(workers);
  return { ...own.host(precision, dims), close: () => own.close() };
}
