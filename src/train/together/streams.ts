import { batchLayout } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
import { decodeIdentity, identityDifference } from "../../spec/decode-identity.js";
import { dataOf } from "../files/file-feeds.js";
import { planFiles } from "../files/plan.js";
import type { Job } from "../job.js";
import type { StreamStart } from "../workers/thread-messages.js";

/** A contender's job, its name, and where it starts. */
export interface Entrant {
  readonly name: string;
  readonly job: Job;
  readonly start: StreamStart;
}

/**
 * Groups contenders that can share a decoding thread and its batches: they decode events identically, have the same
 * batch size, and continue in the same list of files, at ends of the same batches. Each group is decoded separately, so
 * that every model gets exactly what it would get alone.
 * @returns numbers of entrants, in order
 * @throws usage if a topic or a pipe would have to be read more than once; as `planFiles`
 */
export async function streamsOf(entrants: readonly Entrant[]): Promise<number[][]> {
  const groups = new Map<string, number[]>();
  for (const [i, entrant] of entrants.entries()) {
    const key = `${alike(entrant.job)} ${entrant.job.topic ? "" : await planned(entrant)}`;
    groups.set(key, [...(groups.get(key) ?? []), i]);
  }
  const streams = [...groups.values()];
  if (streams.length > 1) await refuseOnce(entrants, streams);
  return streams;
}

/** How a model decodes events, and the layout of its batches. */
function alike({ spec, kept }: Job): string {
  const { keys, ...layout } = batchLayout(spec, spec.batch);
  const used = keys.filter(({ singles }) => singles > 0);
  return JSON.stringify([decodeIdentity(spec).hash, spec.batch, kept, layout, used]);
}

/** What is left to learn of the files, and where batches end in it. */
async function planned({ job, start }: Entrant): Promise<string> {
  const { inputs, pass, fresh } = await planFiles(job, await dataOf(job), start);
  const { from, begins, held_out } = pass;
  const examples = fresh ? 0 : start.examples - from;
  const files = inputs.map(({ id }) => id);
  return JSON.stringify([files, from, begins, held_out, fresh, start.validated, examples % job.spec.batch]);
}

async function refuseOnce(entrants: readonly Entrant[], [[one], [other]]: readonly number[][]): Promise<void> {
  const a = entrants[one];
  const b = entrants[other];
  const pipe = a.job.topic ? undefined : (await dataOf(a.job)).find(({ repeatable }) => !repeatable)?.name;
  if (!a.job.topic && !pipe) return;
  const what = a.job.topic ? `topic ${a.job.topic.topic}` : pipe!;
  const differs = identityDifference(decodeIdentity(a.job.spec), decodeIdentity(b.job.spec));
  const sizes = `train.batch: ${a.job.spec.batch}, not ${b.job.spec.batch}`;
  const why = differs || (a.job.spec.batch === b.job.spec.batch ? "they resume at different positions" : sizes);
  throw new HashbrookError(
    "usage",
    `${what}: can be read only once, but ${a.name} and ${b.name} read events differently: ${why}`,
    {
      hint: "make both specs agree on this, train from files, or train the models separately, each with its own --group",
    },
  );
}
