import { batchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { Decoder, type RequestReader } from "../decode/decoder.js";
import { sigmoid } from "../metrics/kernel.js";
import { createModel } from "../model/create.js";
import type { Model } from "../model/model.js";
import { knownMembers } from "../serve/request.js";
import { WholeRequest } from "../serve/whole-request.js";
import { compiledFromJson } from "../spec/compile.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import { readSnapshot } from "./snapshot.js";

/** Candidates are scored in runs of at most this many. */
export const CAPACITY = 512;

interface ReadyScores {
  readonly scores: number[];
  readonly calibrated?: number[];
  readonly ignored: readonly string[];
}

/** A model with what reads requests for it. */
export class Ready {
  readonly spec: CompiledSpec;
  readonly specHash: string;
  readonly examples: number;
  private readonly model: Model;
  private readonly requests: RequestReader;
  private readonly known: ReturnType<typeof knownMembers>;

  constructor(spec: CompiledSpec, model: Model, examples: number) {
    this.spec = spec;
    this.specHash = specHash(spec);
    this.model = model;
    this.examples = examples;
    this.requests = new Decoder(spec, { capacity: CAPACITY, format: "json", requireLabel: false }).requests;
    this.known = knownMembers(knownPaths(spec));
  }

  /** @throws HashbrookError request_invalid */
  async score(body: Uint8Array): Promise<ReadyScores> {
    const request = new WholeRequest(body, this.known, Number.POSITIVE_INFINITY);
    if (request.options)
      throw new HashbrookError("request_invalid", "body.options: is for servers", { hint: "leave it away" });
    const [scores, calibrated]: [number[], number[]] = [[], []];
    while (scores.length < request.candidates) {
      const batch = this.requests.batch(request.read(this.requests, scores.length, 0, CAPACITY));
      const logits = await this.model.predict(batch);
      const corrected = this.model.calibrator?.apply(logits, batch);
      scores.push(...sigmoid(logits));
      if (corrected) calibrated.push(...sigmoid(corrected));
    }
    return { scores, ...(this.model.calibrator && { calibrated }), ignored: request.ignored };
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

export async function loadSnapshot(bytes: Uint8Array): Promise<Ready> {
  const { spec, run, version, states } = readSnapshot(bytes);
  const compiled = compiledFromJson(JSON.stringify(spec));
  if (specHash(compiled) !== run)
    throw new HashbrookError("log_mismatch", `model file: its spec has the hash ${specHash(compiled)}, not ${run}`);
  const layout = batchLayout(compiled, CAPACITY);
  const model = await createModel(compiled, { layout, threads: 1, purpose: "serve" });
  for (const state of states()) model.serving.apply(state);
  return new Ready(compiled, model, version);
}

function knownPaths({ label, fields }: CompiledSpec): string[] {
  const head = [label.from, label.weight, label.time?.from, label.id, label.oracle];
  return [...head.filter((path) => path != null), ...fields.flatMap((field) => ("from" in field ? [field.from] : []))];
}
