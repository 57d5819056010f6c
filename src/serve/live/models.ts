import type { Models } from "../models/models.js";
import type { TableFill } from "./fill.js";
import type { ServedQuality } from "./quality.js";
import type { UnseenIds } from "./unseen.js";

/** A model on the dashboard. */
export interface LiveModel {
  /** The name used in requests. */
  readonly name: string;
  /** `name` of the spec. */
  readonly model: string | null;
  readonly version: number | null;
  readonly spec_hash: string | null;
  readonly ready: boolean;
  /** Seconds since the newest applied entry was sent; null for a checkpoint. */
  readonly staleness: number | null;
  /** null if unknown: for a delta log's follower. */
  readonly quality: ServedQuality | null;
  /** How full its tables are; empty before a first snapshot. */
  readonly tables: readonly TableFill[];
  /** What ids of recent requests find in them, from a sample; without fields whose ids have no rows of their own. */
  readonly unseen: readonly UnseenIds[];
}

/** The state of the models that answer. */
export function liveModels(models: Models): Promise<LiveModel[]> {
  const live = models.all.map(async (model) => {
    const { stable, ready } = model;
    const { version, replica } = stable.health();
    const learned = version?.version ?? null;
    const hash = version?.spec_hash ?? null;
    const made = { name: model.called, model: version?.model ?? null, version: learned, spec_hash: hash };
    const { tables = [], unseen = [] } = (await stable.facts()) ?? {};
    return { ...made, ready, staleness: replica?.staleness ?? null, quality: stable.quality, tables, unseen };
  });
  return Promise.all(live);
}
