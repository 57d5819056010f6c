import { encodePart, readFacts } from "./entry.js";
import type { Frame } from "./frame.js";
import type { KeptPlace } from "./live.js";
import type { ServingState } from "./state.js";

/** A state of the log as the frame of a snapshot whose rows are stored elsewhere, from which a follower continues. */
export function keptFrame(place: KeptPlace, spec: unknown, beside: ServingState): Frame {
  const { run, number, version, link, newestEvent, held, epoch, sent } = place;
  const facts = { kind: "snapshot", run, number, version, link, part: 0, parts: 1, precision: "f32", spec } as const;
  const times = newestEvent === null ? [] : [newestEvent];
  return { epoch, sent, body: encodePart({ ...facts, times, ...(held !== null && { held }) }, beside) };
}

/** The content of such a frame. */
export interface KeptState extends KeptPlace {
  readonly spec: unknown;
  readonly frame: Frame;
}

/** @throws HashbrookError log_damaged; log_mismatch */
export function readKept(frame: Frame): KeptState {
  const { run, number, version, link, times, held = null, spec } = readFacts(frame.body);
  const { epoch, sent } = frame;
  return { run, number, version, link, epoch, sent, newestEvent: times[0] ?? null, held, spec, frame };
}
