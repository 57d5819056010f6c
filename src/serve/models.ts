import { HashbrookError } from "../core/errors.js";
import type { Scorer } from "./scorer.js";

/**
 * The models a server answers for, by name. A name has one or more versions, each a scorer; which of them answers a request
 * follows from the request.
 */
export class Models {
  private readonly byName = new Map<string, Scorer>();

  /** A server of one model, by whatever name its spec gives it. */
  static of(scorer: Scorer): Models {
    const models = new Models();
    models.add("", scorer);
    return models;
  }

  add(name: string, scorer: Scorer): void {
    this.byName.set(name, scorer);
  }

  get all(): readonly Scorer[] {
    return [...this.byName.values()];
  }

  /**
   * The scorer for a request.
   * @param name undefined: the only model
   * @throws HashbrookError model_unknown
   */
  choose(name?: string): Scorer {
    const [only] = this.byName.values();
    if (this.byName.size === 1 && (name === undefined || name === only.version?.model)) return only;
    const scorer = name === undefined ? undefined : this.byName.get(name);
    if (scorer) return scorer;
    const names = [...this.byName.keys()].join(", ");
    throw new HashbrookError("model_unknown", `model ${name}: is not served`, { hint: `models here: ${names}` });
  }
}
