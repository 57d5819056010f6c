import { encodePart, NO_LINK } from "../delta-log/entry.js";
import { sealFrame } from "../delta-log/frame.js";
import type { Precision } from "../delta-log/precision.js";
import type { LoadedModel } from "../model/load.js";

/**
 * A model as one file, piece by piece: a snapshot of the delta log that was never sent, so equal models give equal
 * bytes.
 * @param precision of the rows' weights
 */
export function* snapshotPieces({ model, spec, specHash, examples }: LoadedModel, precision: Precision) {
  const { parts, states } = model.serving.pack("all");
  let part = 0;
  for (const state of states()) {
    const facts = { run: specHash, number: 0, version: examples, link: NO_LINK, part, parts, precision, times: [] };
    const body = encodePart({ ...facts, kind: "snapshot", spec: part === 0 ? spec : null }, state);
    yield sealFrame({ epoch: 0, sent: 0, body });
    part++;
  }
}
