import type { FastifyRequest } from "fastify";
import { checkArguments } from "../../core/arguments.js";
import { HashbrookError } from "../../core/errors.js";
import type { Scorer } from "../scorer.js";
import { ServedModel, type Wanted } from "./served-model.js";

/** The models of a server, by name. */
export class Models {
  private readonly byName = new Map<string, ServedModel>();
  /** The server is about to end: it still answers, but reports that it is not ready. */
  draining = false;

  /** A single model, under the name in its spec. */
  static of(scorer: Scorer): Models {
    checkArguments("Models.of", { scorer }, { scorer: "scorer" });
    const models = new Models();
    models.add(new ServedModel("", { scorer, source: "" }));
    return models;
  }

  /** Adds a model under its name. */
  add(model: ServedModel): void {
    this.byName.set(model.name, model);
  }

  /** In the order they were added. */
  get all(): readonly ServedModel[] {
    return [...this.byName.values()];
  }

  /** Every version of every model. */
  get scorers(): readonly Scorer[] {
    return this.all.flatMap(({ scorers }) => scorers);
  }

  /** Whether every model is loaded and fresh enough, and the server is not about to end. */
  get ready(): boolean {
    return !this.draining && this.all.every(({ ready }) => ready);
  }

  /**
   * @param name undefined: the only model
   * @throws HashbrookError model_unknown
   */
  model(name?: string): ServedModel {
    const found = this.find(name);
    if (found) return found;
    const names = this.all.map(({ called }) => called).join(", ");
    const asked = name === undefined ? "a model name is required: several models are served" : `unknown model ${name}`;
    throw new HashbrookError("model_unknown", asked, { hint: `served models: ${names}` });
  }

  /**
   * The scorer that answers a request.
   * @throws HashbrookError model_unknown
   */
  choose(name?: string, wanted?: Wanted): Scorer {
    return this.model(name).choose(wanted);
  }

  /** Closes every version's scorer, after requests in progress. */
  async close(): Promise<void> {
    for (const scorer of this.scorers) await scorer.close();
  }

  private find(name?: string): ServedModel | undefined {
    if (name === undefined) return this.byName.size === 1 ? this.all[0] : undefined;
    return this.byName.get(name) ?? this.all.find((model) => model.name === "" && model.called === name);
  }
}

/** Requests with the same key, such as a user or a session, are answered by the same label. */
const KEY_HEADER = "x-request-key";

/** The key for the split: from the request's header, else its id. */
export function keyOf({ headers, id }: FastifyRequest): string {
  const key = headers[KEY_HEADER];
  return typeof key === "string" ? key : id;
}
