/**
 * `hashbrook/client`: asks a server of `hashbrook serve` for scores, from Node or a browser. Objects in, typed answers and errors out.
 *
 * @packageDocumentation
 * @module hashbrook/client
 * @example
 * ```ts
 * import { Client } from "hashbrook/client";
 * const client = new Client("http://localhost:8080", { timeoutMs: 50 });
 * const { scores, version } = await client.score({ context: { user: { id: 9007199254740993n } }, candidates: [{ item: { id: "i3" } }] });
 * ```
 */
import { checkArguments } from "../core/arguments.js";
import { drawn } from "../core/chance.js";
import { systemClock } from "../core/clock.js";
import { jsonText } from "../core/json.js";
import { answerOf, ClientError, failure, retryAfter } from "./client-error.js";

export { HashbrookError } from "../core/errors.js";
export { ClientError } from "./client-error.js";

/** Default options of a client's calls. */
export interface ClientOptions {
  /** Sent as `Authorization: Bearer TOKEN`. */
  readonly token?: string;
  /** Milliseconds for a call, including retries; the server is told how much is left. Default 1000. */
  readonly timeoutMs?: number;
  /** How often a call is retried if the server is overloaded, not ready or unreachable. Default 2. */
  readonly retries?: number;
  /**
   * Longest wait before the first retry if the server suggests none, in milliseconds; doubled each time, and randomised.
   * Default 20.
   */
  readonly backoffMs?: number;
  /** Replaces the global `fetch`, for example to use an agent or a certificate of your own. */
  readonly fetch?: typeof fetch;
}

/** What to score. Pass 64-bit ids as texts or bigints: a number has 53 bits. */
export interface ScoreRequest<Candidate extends object = object, Context extends object = object> {
  /** Members that all candidates share; a candidate's own are merged in at every depth, and take precedence. */
  readonly context?: Context;
  /** The candidates to score, at least one. */
  readonly candidates: readonly Candidate[];
  /** The model's name; default: the only one. */
  readonly model?: string;
  /** Also return this many of the best candidates. */
  readonly topK?: number;
  /** Also return each field's contribution to the logit. */
  readonly explain?: boolean;
}

/** Options of one call. */
export interface CallOptions {
  /** Milliseconds for this call, including retries. Default: the client's. */
  readonly timeoutMs?: number;
  /** Cancels the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Sent as `x-request-id`, and written in the server's log. */
  readonly requestId?: string;
}

/** The server's answer. */
export interface ScoreAnswer {
  /** Click probabilities in the order of the candidates. */
  readonly scores: readonly number[];
  /** The same by the model's calibrator, if it has one. */
  readonly calibrated?: readonly number[];
  /** `name` of the model's spec. */
  readonly model: string;
  /** Examples learned by the version that made all scores of the answer. */
  readonly version: number;
  /** Hash of the compiled spec, 16 hex digits. */
  readonly spec_hash: string;
  /** Paths of members that no field reads, at most 100. */
  readonly ignored?: readonly string[];
  /** If the server explores: each candidate's rank in the randomised order, from 1. */
  readonly rank?: readonly number[];
  /** If the server explores: the probability that a candidate comes first. */
  readonly propensity?: readonly number[];
  /** With `topK`: the best, best first; if the server explores, the first of the randomised order. */
  readonly top_k?: readonly { readonly index: number; readonly score: number }[];
  /** With `explain`: each field's contribution to the logit. */
  readonly explain?: readonly {
    readonly index: number;
    readonly logit: number;
    readonly shares: Readonly<Record<string, number>>;
  }[];
}

const RETRIED = new Set([429, 503]);
/** The longest time limit sent to a server. */
const DAY_MS = 86_400_000;

/** Client of one server, or of a load balancer. It keeps no connections of its own: `fetch` does. */
export class Client {
  private readonly base: string;
  private readonly options: Required<Omit<ClientOptions, "token">>;
  private readonly token: string | undefined;

  /** @param url of the server: `http://localhost:8080` */
  constructor(url: string | URL, options: ClientOptions = {}) {
    checkArguments("Client", { url }, { url: "address" });
    checkArguments("Client", options, {
      token: "?text",
      timeoutMs: "?duration",
      retries: "?whole",
      backoffMs: "?duration",
      fetch: "?function",
    });
    const { token, timeoutMs = 1000, retries = 2, backoffMs = 20, fetch: asked } = options;
    this.base = String(url).replace(/\/+$/, "");
    this.token = token;
    this.options = { timeoutMs, retries, backoffMs, fetch: asked ?? ((...args) => fetch(...args)) };
  }

  /**
   * Scores a context's candidates.
   * @throws ClientError with the server's code and hint; `deadline_exceeded` where the time was over, `unreachable` where no server
   *   answered. HashbrookError request_invalid where the request holds what JSON does not, a NaN
   */
  async score<Candidate extends object, Context extends object>(
    asking: ScoreRequest<Candidate, Context>,
    options: CallOptions = {},
  ): Promise<ScoreAnswer> {
    checkArguments("Client.score", asking, { candidates: "list", model: "?text" });
    const { model, topK, explain, ...request } = asking;
    const path = model === undefined ? "/v1/score" : `/v1/models/${encodeURIComponent(model)}:score`;
    const asked = topK !== undefined || explain !== undefined ? { options: { top_k: topK, explain } } : {};
    const body = jsonText({ ...request, ...asked });
    return (await this.call(path, { method: "POST", body }, options)) as ScoreAnswer;
  }

  /** Whether every model of the server is loaded and fresh enough. @throws ClientError unreachable, deadline_exceeded */
  async ready(options: CallOptions = {}): Promise<boolean> {
    try {
      await this.call("/v2/health/ready", { method: "GET" }, options, 0);
      return true;
    } catch (error) {
      if (error instanceof ClientError && error.status !== null) return false;
      throw error;
    }
  }

  private async call(
    path: string,
    request: { readonly method: string; readonly body?: string },
    given: CallOptions,
    retries = this.options.retries,
  ): Promise<unknown> {
    checkArguments("Client", given, { timeoutMs: "?duration", signal: "?signal" });
    const { timeoutMs = this.options.timeoutMs, signal, requestId } = given;
    const deadline = systemClock.now() + timeoutMs;
    for (let attempt = 0; ; attempt++) {
      const left = Math.min(deadline - systemClock.now(), DAY_MS);
      if (left <= 0) throw new ClientError("deadline_exceeded", `${path}: no response within ${timeoutMs} ms`);
      const outcome = await this.ask(path, request, { left, signal, requestId });
      if (!(outcome instanceof ClientError)) return outcome.answer;
      signal?.throwIfAborted();
      const wait = this.waitFor(outcome, attempt);
      const retried = outcome.status === null ? outcome.code === "unreachable" : RETRIED.has(outcome.status);
      if (!retried || attempt >= retries || systemClock.now() + wait >= deadline) throw outcome;
      await pause(wait, signal);
    }
  }

  /**
   * Milliseconds before another attempt: what the server suggested plus a random part, so that clients do not return together.
   */
  private waitFor({ retryAfterMs }: ClientError, attempt: number): number {
    return (retryAfterMs ?? 0) + drawn() * this.options.backoffMs * 2 ** attempt;
  }

  /** One attempt. @returns the answer, or what went wrong @throws the signal's reason */
  private async ask(
    path: string,
    request: { readonly method: string; readonly body?: string },
    { left, signal, requestId }: { left: number; signal: AbortSignal | undefined; requestId: string | undefined },
  ): Promise<{ readonly answer: unknown } | ClientError> {
    const timeout = AbortSignal.timeout(Math.ceil(left));
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const headers = this.headers(left, requestId);
      const response = await this.options.fetch(this.base + path, { ...request, headers, signal: either });
      const text = await response.text();
      return (response.ok && answerOf(text)) || failure(path, response, text, retryAfter(response));
    } catch (cause) {
      signal?.throwIfAborted();
      if (timeout.aborted) return new ClientError("deadline_exceeded", `${path}: timed out`, { cause });
      return new ClientError("unreachable", `${this.base}${path}: ${(cause as Error).message}`, { cause });
    }
  }

  private headers(left: number, requestId: string | undefined): Record<string, string> {
    return {
      "content-type": "application/json",
      "x-request-timeout-ms": String(Math.max(1, Math.floor(left))),
      ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
      ...(requestId !== undefined && { "x-request-id": requestId }),
    };
  }
}

/** @throws the signal's reason */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  let end = () => {};
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener("abort", end);
  });
  signal?.removeEventListener("abort", end);
  signal?.throwIfAborted();
}
