import { type Models, nameOf } from "../models.js";
import type { ServedModel } from "../served-model.js";
import { qualityOf, type ServedQuality } from "./quality.js";

/** A model as the page shows it. */
export interface LiveModel {
  /** What requests call it. */
  readonly name: string;
  /** `name` of the spec. */
  readonly model: string | null;
  readonly version: number | null;
  readonly spec_hash: string | null;
  readonly ready: boolean;
  /** Seconds since the newest applied entry was sent; null for a checkpoint. */
  readonly staleness: number | null;
  /** null where nothing is known of it: of a delta log's follower. */
  readonly quality: ServedQuality | null;
}

/** What is known of the models that answer. */
export class LiveModels {
  private readonly models: Models;
  /** By source and version: reading it takes milliseconds, and it never changes. */
  private readonly qualities = new Map<
    ServedModel,
    { readonly version: string; readonly quality: ServedQuality | null }
  >();

  constructor(models: Models) {
    this.models = models;
  }

  state(): LiveModel[] {
    return this.models.all.map((model) => {
      const { version, replica } = model.stable.health();
      const { ready } = model;
      const [learned, hash] = [version?.version ?? null, version?.spec_hash ?? null];
      const made = { name: nameOf(model), model: version?.model ?? null, version: learned, spec_hash: hash };
      return { ...made, ready, staleness: replica?.staleness ?? null, quality: replica ? null : this.quality(model) };
    });
  }

  private quality(model: ServedModel): ServedQuality | null {
    const { source } = model;
    const version = `${source} ${model.stable.version?.version}`;
    const known = this.qualities.get(model);
    if (known?.version === version) return known.quality;
    const quality = qualityIn(source);
    this.qualities.set(model, { version, quality });
    return quality;
  }
}

/** A page must not fail because a checkpoint has been pruned since it was loaded. */
function qualityIn(source: string): ServedQuality | null {
  try {
    return source ? qualityOf(source) : null;
  } catch {
    return null;
  }
}
