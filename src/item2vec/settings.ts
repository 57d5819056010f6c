import { checkArguments, plain } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import type { Given } from "../train/settings.js";

/** How vectors are learned (Mikolov et al. 2013). */
export interface Item2vecSettings {
  /** Floats per vector. Default 16. */
  readonly dim: number;
  /** `skip-gram`: each context id predicts the id; `cbow`: their mean does. Default skip-gram. */
  readonly architecture: "skip-gram" | "cbow";
  /** Context size on each side: drawn from 1 to this for every position. Default 5. */
  readonly window: number;
  /** Negative samples per positive one. Default 5. */
  readonly negative: number;
  /** Negative samples are drawn in proportion to their occurrences to this power. Default 0.75. */
  readonly exponent: number;
  /** Subsampling: ids with a larger share of all occurrences are randomly left out; 0: none. Default 1e-3. */
  readonly sample: number;
  /** Ids that occur less often have no vector. Default 5. */
  readonly minCount: number;
  /** Passes over the sequences. Default 5. */
  readonly epochs: number;
  /** The initial learning rate; it decreases linearly to a 10,000th of it. Default 0.025; cbow 0.05. */
  readonly rate: number;
  /** Seed of initial values and random draws. Default 42. */
  readonly seed: number;
}

export const item2vecDefaults: Item2vecSettings = {
  dim: 16,
  architecture: "skip-gram",
  window: 5,
  negative: 5,
  exponent: 0.75,
  sample: 1e-3,
  minCount: 5,
  epochs: 5,
  rate: 0.025,
  seed: 42,
};

/** Integer settings, with their minimum values. */
const least = { dim: 1, window: 1, negative: 1, minCount: 1, epochs: 1, seed: 0 } as const;
const DIM = 4096;
/** The kernel's numbers have 32 bits. */
const MOST = 2 ** 32 - 1;

/** All settings, with defaults for those not given. @throws HashbrookError usage */
export function settingsOf(given: Given<Item2vecSettings>): Item2vecSettings {
  const names = Object.keys(item2vecDefaults) as (keyof Item2vecSettings)[];
  const settings = Object.fromEntries(
    names.map((name) => [name, given[name] ?? item2vecDefaults[name]]),
  ) as unknown as Item2vecSettings;
  const { architecture, dim } = settings;
  for (const [name, bound] of Object.entries(least)) {
    const value = settings[name as keyof typeof least];
    if (!Number.isSafeInteger(value) || value < bound)
      throw new HashbrookError("usage", `${name} ${plain(value)}: must be a whole number of at least ${bound}`);
    if (value > MOST) throw new HashbrookError("usage", `${name} ${value}: at most ${MOST}`);
  }
  if (dim > DIM) throw new HashbrookError("usage", `dim ${dim}: at most ${DIM}`);
  checkArguments("item2vec", settings, { rate: "number", sample: "number", exponent: "number" });
  if (!(settings.rate > 0) || !(settings.sample >= 0) || !Number.isFinite(settings.exponent))
    throw new HashbrookError("usage", "rate must be above 0, sample 0 or more, exponent a number");
  return given.rate === undefined && architecture === "cbow" ? { ...settings, rate: 0.05 } : settings;
}
