import rateLimit from "@fastify/rate-limit";
import underPressure from "@fastify/under-pressure";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { checkArguments } from "../core/arguments.js";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { residentBytes } from "../core/memory.js";
import type { Explorer } from "./explore/policy.js";
import { Admission } from "./http/admission.js";
import { type AppOptions, BODY_LIMIT, createApp } from "./http/app.js";
import { documentRoutes } from "./http/documented.js";
import { bearerOf } from "./http/token.js";
import type { Impressions } from "./impressions.js";
import { ServeMetrics } from "./metrics/prometheus.js";
import { AnswerCounts } from "./metrics/stats.js";
import { Models } from "./models/models.js";
import { Shadows } from "./models/shadow.js";
import type { RouteContext, Routes } from "./routes/context.js";
import { embeddingRoutes } from "./routes/embeddings.js";
import { healthRoutes } from "./routes/health.js";
import { modelRoutes } from "./routes/models.js";
import { pageRoutes } from "./routes/page.js";
import { scoreRoutes } from "./routes/score.js";
import { v2Routes } from "./routes/v2.js";
import type { Scorer } from "./scorer.js";

/** How a server listens to its clients. */
export interface ServerOptions extends AppOptions {
  /** The metrics of `GET /metrics`; by default new ones. */
  readonly metrics?: ServeMetrics | undefined;
  /** Requests that may wait for their scores; more are refused with 503. Default 256. */
  readonly maxQueue?: number | undefined;
  /** Event loop delay, in milliseconds, from which requests are refused with 503; 0: no limit. Default 500. */
  readonly maxEventLoopDelay?: number | undefined;
  /** Receives answered requests, for a log of impressions. Default: none. @internal */
  readonly impressions?: Impressions | undefined;
  /** Randomises the order of candidates: answers have `rank` and `propensity`. Default: none. @internal */
  readonly explorer?: Explorer | undefined;
  /**
   * Requests per second that a client (its token, else its address) may send; more are refused with 429. Default: no
   * limit.
   */
  readonly rateLimit?: number | undefined;
  /** Called with what goes wrong beside answering requests, once until it works again. Default: only metrics count it. */
  readonly warn?: ((text: string) => void) | undefined;
}

const MAX_QUEUE = 256;
/**
 * Longer than the slowest slice of any request: a client that waits longer for the HTTP thread should use another
 * server.
 */
const MAX_EVENT_LOOP_DELAY_MS = 500;
/** Of the event loop's delay. */
const SAMPLE_MS = 1000;
/** Number of an answer's first scores that the dashboard's histogram counts. */
const SHOWN = 32;
const DESCRIPTION = "Scores and embeddings of click-through models.";
const ENDPOINTS = "see all endpoints in GET /docs or GET /openapi.json";

/** Every endpoint but the document's belongs to one of these groups. */
const routes: readonly Routes[] = [scoreRoutes, modelRoutes, embeddingRoutes, v2Routes, healthRoutes, pageRoutes];

/**
 * The HTTP server of a scorer, or of several models: `POST /v1/score`, `GET /v2/health/live`, `GET /v2/health/ready`
 * (503 until the models are loaded and fresh enough), and `GET /metrics` in Prometheus' text format. Requests beyond
 * its capacity are refused with 503 or 429 and `Retry-After`. Every error has the body `{"error": message, "code",
 * "hint"}`, with a 4xx for a bad request.
 */
export function createServer(served: Scorer | Models, options: ServerOptions = {}): FastifyInstance {
  checkArguments("createServer", { served }, { served: "scorer" });
  const metrics = options.metrics ?? new ServeMetrics();
  const models = served instanceof Models ? served : Models.of(served);
  metrics.watch(models);
  const app = createApp(options, ENDPOINTS, new Admission(options.maxQueue ?? MAX_QUEUE, metrics));
  const addDocument = documentRoutes(app, { description: DESCRIPTION, secured: options.tokens !== undefined });
  app.addHook("onRequest", (_, reply, done) => {
    // Otherwise the connection would be closed under a client that is just sending its next request.
    if (models.draining) reply.header("connection", "close");
    done();
  });
  shed(app, metrics, options);
  const counts = new AnswerCounts();
  const count: RouteContext["count"] = (request, reply, done) => {
    metrics.answered(reply.statusCode, request.scored, reply.elapsedTime / 1000);
    counts.add(request.model, reply.statusCode, request.scored, reply.elapsedTime);
    done();
  };
  app.decorateRequest("scored", 0);
  app.decorateRequest("model", "");
  const shadows = new Shadows(metrics, options.warn ?? (() => {}));
  const scored: RouteContext["scored"] = (request, model, body, answered) => {
    request.scored = answered.scores.length;
    metrics.traffic.scored(answered.scores.subarray(0, SHOWN));
    if (model.shadow) void shadows.follow(request.model, model, body(), answered, request.log);
  };
  const { impressions, explorer, bodyLimit = BODY_LIMIT } = options;
  const log: RouteContext["log"] = ({ id }, { spec }, body, answered, drawn) => {
    if (spec) impressions?.offer({ request: id, body, scored: answered, spec, drawn });
  };
  const context = { models, metrics, counts, count, scored, explorer, log, bodyLimit };
  app.register(async (inner) => {
    for (const group of routes) group(inner, context);
    addDocument(inner);
  });
  return app;
}

/**
 * Tells, whenever it is asked while something is the case, whether that was so for longer than a sample. One sample alone is a
 * start, or a pause of a busy machine, which is over.
 */
function lasting(): () => boolean {
  let first = Number.NEGATIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = systemClock.now();
    if (now - last > 2 * SAMPLE_MS) first = now;
    last = now;
    return now - first > 1.5 * SAMPLE_MS;
  };
}

/** Refuses requests while the event loop stays behind, and from clients over their rate. */
function shed(app: FastifyInstance, metrics: ServeMetrics, options: ServerOptions): void {
  const { rateLimit: perSecond, tokens } = options;
  const staysBehind = lasting();
  // It samples the memory, too: where the system does not tell, only the queue's limit refuses requests.
  if (residentBytes() > 0)
    app.register(underPressure, {
      maxEventLoopDelay: options.maxEventLoopDelay ?? MAX_EVENT_LOOP_DELAY_MS,
      sampleInterval: SAMPLE_MS,
      pressureHandler: async (request) => {
        if (request.routeOptions.config.open || !staysBehind()) return;
        metrics.refused("overloaded");
        throw new HashbrookError("overloaded", "the server is overloaded: its event loop is behind", {
          hint: "retry after the time given in Retry-After",
        });
      },
    });
  if (perSecond === undefined) return;
  const max = Math.ceil(perSecond);
  app.register(rateLimit, {
    max,
    timeWindow: Math.ceil((1000 * max) / perSecond),
    // Without tokens a client could claim any identity. The header itself may be spelt in many ways.
    keyGenerator: (request: FastifyRequest) => (tokens ? bearerOf(request) : request.ip),
    allowList: (request) => request.routeOptions.config.open === true,
    errorResponseBuilder: () => {
      metrics.refused("rate_limited");
      return new HashbrookError("rate_limited", `rate limit of ${perSecond} requests per second exceeded`, {
        hint: "retry after the time given in Retry-After, and send fewer requests",
      });
    },
  });
}
