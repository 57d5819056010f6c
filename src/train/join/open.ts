import type { BatchLayout } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import type { ClicksSpec, Job } from "../job.js";
import { GroupMember } from "../workers/group-member.js";
import { ClickFiles } from "./click-files.js";
import { ClickReader } from "./click-reader.js";
import type { ClickMark, ClickSource } from "./click-stream.js";
import { Joiner, type JoinState } from "./joiner.js";

interface Beginning {
  /** The join to go on with; null: a new one. */
  readonly state: JoinState | null;
  /** The events are others than those that were learned before: so may the clicks be. */
  readonly fresh: boolean;
  /** Marks of a run before, made after the checkpoint. */
  readonly replay: readonly ClickMark[];
}

/**
 * What gives a job's events their labels.
 * @throws source_missing, source_changed; of a topic as `ClickTopic.open`
 */
export async function openJoiner(job: JoinJob, layout: BatchLayout, beginning: Beginning): Promise<Joiner> {
  const { source, state } = await openClicks(job, beginning);
  const joiner = await Joiner.open(job.spec.join!, layout, source, state);
  joiner.follow(beginning.replay);
  return joiner;
}

/** The clicks alone. @throws as `openJoiner` */
export async function openReader(job: JoinJob, beginning: Beginning): Promise<ClickReader> {
  const { source, state } = await openClicks(job, beginning);
  const reader = await ClickReader.open(job.spec.join!, source, state);
  reader.follow(beginning.replay);
  return reader;
}

type JoinJob = Pick<Job, "spec" | "out" | "clicks" | "deadLetters"> & Partial<Pick<Job, "unused">>;

async function openClicks(
  { spec, out, clicks, deadLetters, unused = null }: JoinJob,
  { state, fresh }: Beginning,
): Promise<{ source: ClickSource; state: JoinState | null }> {
  const join = spec.join!;
  const from = clicks as ClicksSpec;
  const keeps = unused !== null;
  if ("files" in from) {
    const source = new ClickFiles(spec, join, from.files, keeps);
    const goesOn = state && (await isSame(source, state.sources, fresh));
    return { source, state: goesOn ? state : state && anew(state) };
  }
  const { ClickTopic } = await import("./click-topic.js");
  const membership = new GroupMember(out, "member.clicks");
  const whole = deadLetters !== null;
  const source = await ClickTopic.open({ spec, join, ...from, clock: systemClock, membership, whole, keeps }, state);
  return { source, state };
}

/** Whether the clicks given are those of the checkpoint, and perhaps more. */
async function isSame(source: ClickFiles, before: readonly string[], fresh: boolean): Promise<boolean> {
  try {
    await source.verify(before);
    return true;
  } catch (error) {
    if (fresh && error instanceof HashbrookError && error.code === "source_changed") return false;
    throw error;
  }
}

/** Other clicks are read from their beginning. */
function anew(state: JoinState): JoinState {
  return { ...state, sources: [], streams: [], floor: null, oldest: [] };
}
