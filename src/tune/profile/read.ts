import { Batch } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
import { Decoder } from "../../decode/decoder.js";
import { openSource } from "../../sources/source.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { decodedBatches, START } from "../../train/stream.js";
import { type Profile, Profiler } from "./profile.js";

/** How far a profile has come. */
export interface ProfileProgress {
  readonly events: number;
  /** Share of the data; null where their size is not known. */
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

/** The identities of the files read, as checkpoints keep them. */
export interface ProfiledData {
  readonly profile: Profile;
  readonly fingerprints: readonly string[];
}

/**
 * Reads a stream once and says what its ids are like.
 * @throws HashbrookError metric_undefined where all labels are the same; all_rejected where no event could be read; request_aborted when stopped
 */
export async function readProfile(spec: CompiledSpec, options: ProfileOptions): Promise<ProfiledData> {
  const decoder = new Decoder(spec, { capacity: spec.batch });
  const source = openSource(options.data);
  const profiler = new Profiler(spec);
  const memory = new ArrayBuffer(decoder.layout.bytes);
  const { limit = Number.POSITIVE_INFINITY } = options;
  const stream = { start: START, epochs: 1, limit, buffer: () => memory };
  let rejected = 0;
  try {
    for await (const { rows, rejects, bytesRead } of decodedBatches(source, decoder, stream)) {
      options.signal?.throwIfAborted();
      profiler.add(new Batch(decoder.layout, rows, memory));
      rejected += rejects.length;
      options.onProgress?.({ events: profiler.rows, done: source.totalBytes ? bytesRead / source.totalBytes : null });
    }
    check(profiler, rejected);
    return { profile: profiler.profile(rejected), fingerprints: [...source.fingerprints] };
  } finally {
    await source.close();
  }
}

function check(profiler: Profiler, rejected: number): void {
  if (profiler.rows === 0)
    throw new HashbrookError(
      rejected > 0 ? "all_rejected" : "source_unreadable",
      rejected > 0 ? `all ${rejected.toLocaleString("en")} events were rejected` : "the data hold no event",
      { hint: "hashbrook check --model SPEC --data FILE shows what is read" },
    );
  if (!profiler.canTell)
    throw new HashbrookError(
      "metric_undefined",
      `all ${profiler.rows.toLocaleString("en")} labels are the same: no AUC can tell one model from another`,
      { hint: "check `label.positive`; hashbrook check --model SPEC --data FILE shows the labels" },
    );
}
