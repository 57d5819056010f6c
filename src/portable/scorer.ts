import { HashbrookError } from "../core/errors.js";
import { jsonText } from "../core/json.js";
import { loadSnapshot, type Ready } from "./ready.js";

/**
 * What a request scores: a context, and candidates that are merged with it at every depth, their own members taking precedence.
 */
export interface ScoreRequest {
  /** What all candidates have in common; 64-bit ids as texts or bigints. */
  readonly context?: object | null;
  /** The candidates to score, at least one. */
  readonly candidates: readonly object[];
}

/** The version that made a score. */
export interface ModelVersion {
  /** `name` of the spec. */
  readonly model: string;
  /** Examples learned. */
  readonly version: number;
  /** Hash of the compiled spec, 16 hex digits. */
  readonly spec_hash: string;
}

/** An answer, all of it from one version. */
export interface Scores {
  /** Click probabilities in the order of the candidates. */
  readonly scores: number[];
  /** The same by the model's calibrator, if it has one. */
  readonly calibrated?: number[];
  /** The version that made the scores. */
  readonly model: ModelVersion;
  /** Paths of members that no field reads, at most 100. */
  readonly ignored: readonly string[];
}

/** Scores candidates in this thread, without a server: the common part of the scorers for Node and browsers. */
export class PortableScorer {
  /** The version that answers. */
  readonly model: ModelVersion;
  private readonly ready: Ready;
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  /** @internal */
  protected constructor(ready: Ready) {
    const { scoring, examples } = ready;
    this.ready = ready;
    this.model = { model: scoring.spec.name, version: examples, spec_hash: scoring.specHash };
  }

  /**
   * Scores a request's candidates. Calls are answered one after the other.
   * @param request an object, or its JSON as text or UTF-8 bytes, whose numbers keep all their digits
   * @throws HashbrookError request_invalid naming the candidate and the member; not_ready once closed
   */
  async score(request: ScoreRequest | string | Uint8Array): Promise<Scores> {
    if (this.closed) throw new HashbrookError("not_ready", "the scorer is closed", { hint: "load another one" });
    // Taken now: the caller may change the object while earlier calls are answered.
    const bytes = bytesOf(request);
    const run = this.last.then(async () => {
      const { ignored, ...scored } = await this.ready.score(bytes);
      return { ...scored, model: this.model, ignored };
    });
    this.last = run.catch(() => undefined);
    return run;
  }

  /** Waits for requests in progress, and releases the model. */
  async close(): Promise<void> {
    this.closed = true;
    await this.last;
    await this.ready.close();
  }
}

function bytesOf(request: ScoreRequest | string | Uint8Array): Uint8Array {
  // A Buffer's own slice is a view.
  if (request instanceof Uint8Array) return new Uint8Array(request);
  return new TextEncoder().encode(typeof request === "string" ? request : jsonText(request));
}

/** A model from a file's bytes, ready to score. @throws HashbrookError log_damaged, log_mismatch, runtime_unavailable */
export function ready(bytes: Uint8Array | ArrayBuffer): Promise<Ready> {
  return loadSnapshot(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
}

/** The bytes at an address. @throws HashbrookError source_missing */
export async function fetched(address: string | URL): Promise<Uint8Array> {
  const response = await fetch(address).catch((cause: unknown) => {
    throw new HashbrookError("source_missing", `${address}: cannot be fetched`, { cause });
  });
  if (!response.ok) throw new HashbrookError("source_missing", `${address}: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
