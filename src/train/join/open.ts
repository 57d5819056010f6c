import type { BatchLayout } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
import type { Job } from "../job.js";
import { ClickFiles } from "./click-files.js";
import { Joiner, type JoinState } from "./joiner.js";

/**
 * What gives a job's events their labels; null: they have them.
 * @param state the join to go on with; null: a new one
 * @param fresh the events are others than those that were learned before: so may the clicks be
 * @throws source_missing, source_changed
 */
export async function openJoiner(
  { spec, clicks }: Job,
  layout: BatchLayout,
  state: JoinState | null,
  fresh: boolean,
): Promise<Joiner | null> {
  if (clicks === null || !spec.join) return null;
  const source = new ClickFiles(spec, spec.join, clicks);
  const goesOn = state && (await isSame(source, state.sources, fresh));
  return Joiner.open(spec.join, layout, source, goesOn ? state : state && anew(state));
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
