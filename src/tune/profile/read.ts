import { grouped } from "../../core/digits.js";
import { HashbrookError } from "../../core/errors.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { eventsOf } from "../events.js";
import { type Profile, Profiler } from "./profile.js";

/** Progress of a profile. */
export interface ProfileProgress {
  readonly events: number;
  /** Share of the data; null if its size is unknown. */
  readonly done: number | null;
}

/** What to read. */
export interface ProfileOptions {
  readonly data: readonly string[];
  /** Events to read. Default: all. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ProfileProgress) => void) | undefined;
}

/**
 * Reads a stream once and computes the statistics of its ids.
 * @throws HashbrookError metric_undefined if all labels are the same; all_rejected if no event could be read; request_aborted
 * when stopped
 */
export async function readProfile(spec: CompiledSpec, options: ProfileOptions): Promise<Profile> {
  const { data, limit, signal, onProgress } = options;
  const profiler = new Profiler(spec);
  let total = 0;
  for await (const { batch, rejected, done } of eventsOf(spec, { data, limit, capacity: spec.batch })) {
    if (signal?.aborted) throw new HashbrookError("request_aborted", "stopped before all events were read");
    profiler.add(batch);
    total += rejected;
    onProgress?.({ events: profiler.rows, done });
  }
  check(profiler, total);
  return profiler.profile(total);
}

function check(profiler: Profiler, rejected: number): void {
  if (profiler.rows === 0)
    throw new HashbrookError(
      rejected > 0 ? "all_rejected" : "source_unreadable",
      rejected > 0 ? `all ${grouped(rejected)} events were rejected` : "the data contain no events",
      { hint: "hashbrook check --model SPEC --data FILE shows what is read" },
    );
  if (!profiler.canTell)
    throw new HashbrookError(
      "metric_undefined",
      `all ${grouped(profiler.rows)} labels are the same, so AUC is undefined`,
      { hint: "check `label.positive`; hashbrook check --model SPEC --data FILE shows the labels" },
    );
}
