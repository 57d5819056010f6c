import type { FastifyInstance, FastifyRequest, onResponseHookHandler } from "fastify";
import type { Drawn, Explorer } from "../explore/policy.js";
import type { ServeMetrics } from "../metrics/prometheus.js";
import type { AnswerCounts } from "../metrics/stats.js";
import type { Models } from "../models/models.js";
import type { ServedModel } from "../models/served-model.js";
import type { Scorer } from "../scorer.js";
import type { Scored } from "../threads/engine.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Number of candidates scored. */
    scored: number;
    /** The model that scores; "" before one was chosen. */
    model: string;
  }
}

/** What the routes of a server share. */
export interface RouteContext {
  readonly models: Models;
  readonly metrics: ServeMetrics;
  /** Counts of every model's answers. */
  readonly counts: AnswerCounts;
  /** Counts a score request's answer: `onResponse` of every route that scores. */
  readonly count: onResponseHookHandler;
  /** Reports an answered request to the dashboard and the model's shadow. @param body for a scorer, as JSON */
  scored(request: FastifyRequest, model: ServedModel, body: () => Uint8Array, scored: Scored): void;
  /** Randomises the order of candidates; undefined: answers contain only scores. */
  readonly explorer: Explorer | undefined;
  /** Reports an answered request to the log of impressions. @param body as above */
  log(request: FastifyRequest, scorer: Scorer, body: () => Uint8Array, scored: Scored, drawn?: Drawn): void;
  /** Bytes. */
  readonly bodyLimit: number;
}

/** A group of routes: adds itself to a server. */
export type Routes = (app: FastifyInstance, context: RouteContext) => void;
