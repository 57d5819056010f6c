import type { BatchLayout } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { inputsFor } from "../../sources/source.js";
import type { JoinSpec } from "../../spec/compiled.js";
import type { ClicksSpec, Job, LabelsGiven } from "../job.js";
import { GroupMember } from "../workers/group-member.js";
import { ClickFiles } from "./click-files.js";
import { ClickReader, type ClickReaderState, type LabelReader } from "./click-reader.js";
import type { ClickMark } from "./click-stream.js";
import { Conversions, ofConversions } from "./conversions.js";
import type { JoinState } from "./join-counts.js";
import { Joiner } from "./joiner.js";
import { LastTouch, ofImpressions } from "./last-touch.js";
import { refuseUnrepeatable } from "./unrepeatable.js";

interface Beginning {
  /** The join to continue; null: a new one. */
  readonly state: JoinState | null;
  /** The events differ from those learned before, so the clicks may, too. */
  readonly fresh: boolean;
  /** Marks made by an earlier run after the checkpoint. */
  readonly replay: readonly ClickMark[];
}

/**
 * Opens the source of a job's labels.
 * @throws source_missing, source_changed; for a topic as `ClickTopic.open`
 */
export async function openJoiner(job: JoinJob, layout: BatchLayout, beginning: Beginning): Promise<Joiner> {
  return new Joiner(job.spec.join!, layout, await openReader(job, beginning), beginning.state);
}

/** Opens only the clicks, and conversions if there are any. @throws as `openJoiner` */
export async function openReader(job: JoinJob, { state, fresh, replay }: Beginning): Promise<LabelReader> {
  const join = job.spec.join!;
  const { conversions, shown, ...given } = job.clicks as ClicksSpec;
  const clicks = await openStream(job, { join, given, name: "clicks", state, fresh });
  const reader = await withSecond(clicks);
  reader.follow(replay);
  return reader;

  async function withSecond(clicks: ClickReader): Promise<LabelReader> {
    if (join.conversions) {
      const before = state && (state.conversions ?? null);
      const opening = { join: ofConversions(join), given: conversions ?? given, name: "conversions", state: before };
      return new Conversions(clicks, await openStream(job, { ...opening, fresh }), join.skew);
    }
    if (!join.clicks.key) return clicks;
    const opening = {
      join: ofImpressions(job.spec, join),
      given: shown!,
      name: "shown",
      state: state && (state.shown ?? null),
    };
    return new LastTouch(clicks, await openStream(job, { ...opening, fresh, ahead: true }), join.skew);
  }
}

type JoinJob = Pick<Job, "spec" | "out" | "clicks" | "deadLetters"> & Partial<Pick<Job, "unused">>;

interface Opening {
  readonly join: JoinSpec;
  readonly given: LabelsGiven;
  /** Its name in the run's directory. */
  readonly name: string;
  readonly state: ClickReaderState | null;
  readonly fresh: boolean;
  /** They are impressions. Default: labels. */
  readonly ahead?: boolean;
}

async function openStream(
  { spec, out, deadLetters, unused = null }: JoinJob,
  { join, given, name, state, fresh, ahead = false }: Opening,
): Promise<ClickReader> {
  const keeps = unused !== null && !ahead;
  const open = ahead ? ClickReader.openAhead : ClickReader.open;
  if ("files" in given) {
    if (ahead) refuseUnrepeatable(inputsFor(given.files), "join.key");
    const source = new ClickFiles(spec, join, given.files, keeps);
    const goesOn = state && (await isSame(source, state.sources, fresh));
    return open(join, source, goesOn ? state : state && anew(state));
  }
  const { ClickTopic } = await import("./click-topic.js");
  const membership = new GroupMember(out, `member.${name}`);
  const whole = deadLetters !== null;
  const options = { spec, join, ...given, clock: systemClock, membership, whole, keeps };
  return open(join, await ClickTopic.open(options, state), state);
}

/** Whether the clicks given are those of the checkpoint, with or without further ones. */
async function isSame(source: ClickFiles, before: readonly string[], fresh: boolean): Promise<boolean> {
  try {
    await source.verify(before);
    return true;
  } catch (error) {
    if (fresh && error instanceof HashbrookError && error.code === "source_changed") return false;
    throw error;
  }
}

/** Different clicks are read from their beginning. */
function anew(state: ClickReaderState): ClickReaderState {
  return { ...state, sources: [], streams: [], floor: null, oldest: [] };
}
