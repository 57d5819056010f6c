import { HashbrookError } from "../core/errors.js";
import { decodePart, type EntryPart, readFacts } from "../delta-log/entry.js";
import { openFrames } from "../delta-log/frame.js";
import type { ServingState } from "../delta-log/state.js";

/** A model in one file: a snapshot of the delta log (docs/FORMATS.md). */
export interface Snapshot {
  readonly spec: unknown;
  /** Hash of the compiled spec. */
  readonly run: string;
  /** Examples learned. */
  readonly version: number;
  /** What it predicts with, part by part, each read on demand. */
  states(): Iterable<ServingState>;
}

/**
 * Reads the frames of a snapshot.
 * @throws HashbrookError log_damaged if a byte is wrong or a part is missing; log_mismatch if a newer Hashbrook wrote it
 */
export function readSnapshot(bytes: Uint8Array): Snapshot {
  const { bodies, first, facts } = inFile(() => partsIn(bytes));
  if (first?.kind !== "snapshot" || first.spec === null) throw damaged("no snapshot header");
  facts.forEach((part, number) => {
    checkPart(part, first, number);
  });
  if (bodies.length !== first.parts) throw damaged(`only ${bodies.length} of ${first.parts} parts`);
  const { spec, run, version } = first;
  return {
    spec,
    run,
    version,
    *states() {
      for (const body of bodies) yield decodePart(body).state;
    },
  };
}

function partsIn(bytes: Uint8Array) {
  const bodies = Array.from(openFrames(bytes), ({ body }) => body);
  return { bodies, first: bodies.length > 0 ? decodePart(bodies[0]) : undefined, facts: bodies.map(readFacts) };
}

/** What `read` returns; damage, which it reports as that of a delta log, is the file's. */
function inFile<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof HashbrookError) || cause.code !== "log_damaged") throw cause;
    throw damaged("its frames are cut, altered, or those of another file", cause);
  }
}

function checkPart(part: Omit<EntryPart, "state">, first: EntryPart, number: number): void {
  const same = part.run === first.run && part.version === first.version && part.parts === first.parts;
  if (!same || part.part !== number) throw damaged(`part ${number} belongs to another model, or is out of order`);
}

function damaged(reason: string, cause?: unknown): HashbrookError {
  const hint = "it must be a whole file that `hashbrook export --format scorer` wrote: export it again";
  return new HashbrookError("log_damaged", `model file: damaged: ${reason}`, { hint, cause });
}
