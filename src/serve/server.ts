import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { HashbrookError, toPlainError } from "../core/errors.js";
import { readBody, SEND_JSON } from "./body.js";
import { answerExpectation, errorBody, noEndpoint, refuse } from "./http-errors.js";
import { Models } from "./models.js";
import type { Told } from "./openapi.js";
import { ServeMetrics } from "./prometheus.js";
import type { Routes } from "./routes/context.js";
import { healthRoutes } from "./routes/health.js";
import { modelRoutes } from "./routes/models.js";
import { openApiRoutes } from "./routes/openapi.js";
import { scoreRoutes } from "./routes/score.js";
import type { Scorer } from "./scorer.js";

/** How a server listens to its clients. */
export interface ServerOptions {
  /** Log every request as a JSON line. Default false. */
  readonly log?: boolean;
  /** Largest request body in bytes. Default 4 MiB. */
  readonly bodyLimit?: number;
  /** What `GET /metrics` tells; by default a fresh one. */
  readonly metrics?: ServeMetrics;
}

const ENDPOINTS = "GET /docs or /openapi.json has every endpoint";

/** The methods that a path takes. */
class RouteMethods {
  private readonly patterns = new Map<string, { readonly pattern: RegExp; readonly methods: string[] }>();

  /** @param url as fastify takes it: `/v1/models/:name([^:/]+)::score` */
  add(url: string, method: string): void {
    const parts = url.split(/((?<!:):\w+(?:\([^)]*\))?)/);
    const source = parts.map((part, i) =>
      i % 2
        ? (/\((.*)\)/.exec(part)?.[1] ?? "[^/]+")
        : part.replaceAll("::", ":").replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    );
    const entry = this.patterns.get(url) ?? { pattern: new RegExp(`^${source.join("")}$`), methods: [] };
    entry.methods.push(method);
    this.patterns.set(url, entry);
  }

  of(path: string): string[] {
    return [
      ...new Set([...this.patterns.values()].flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : []))),
    ];
  }
}

/** Every endpoint belongs to one of these groups. */
const routes: readonly Routes[] = [scoreRoutes, modelRoutes, healthRoutes, openApiRoutes];

/**
 * The HTTP door of a scorer, or of several models: `POST /v1/score`, `GET /v2/health/live`, `GET /v2/health/ready` (503 until the model is
 * there and fresh enough), `GET /v2`, and `GET /metrics` in Prometheus' text format.
 * Every error answers `{"error": message, "code", "hint"}` with a 4xx for a bad request.
 */
export function createServer(served: Scorer | Models, options: ServerOptions = {}): FastifyInstance {
  const app = Fastify({
    logger: options.log ?? false,
    requestTimeout: 10_000,
    // A request that came in before the end is answered.
    return503OnClosing: false,
    clientErrorHandler: refuse,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    // What a client sends is what is meant: nothing is coerced, nothing dropped.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    http: {
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
  });
  answerExpectation(app.server);
  const methods = new RouteMethods();
  const told: Told[] = [];
  app.addHook("onRoute", ({ url, method, config }) => {
    for (const one of [method].flat()) {
      methods.add(url, one);
      if (config?.endpoint && one !== "HEAD") told.push({ method: one, url, endpoint: config.endpoint });
    }
  });
  const metrics = options.metrics ?? new ServeMetrics();
  const models = served instanceof Models ? served : Models.of(served);
  for (const scorer of models.all) metrics.watch(scorer);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: AsyncIterable<Buffer>) =>
    readBody(request, payload, options.bodyLimit ?? 4 << 20),
  );

  for (const group of routes) group(app, { models, metrics, told });
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.of(request.url.split("?")[0]);
    const { status, allow, body } = noEndpoint(request.method, request.url, allowed, ENDPOINTS);
    if (allow !== undefined) reply.header("allow", allow);
    return reply.code(status).send(body);
  });
  app.setErrorHandler(answerError);
  return app;
}

function answerError(error: FastifyError | HashbrookError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof HashbrookError) {
    const { message, code, hint } = error;
    return reply.code(error.status).send({ error: message, code, hint });
  }
  const status = error.statusCode ?? 500;
  if (status >= 500) request.log.error(toPlainError(error));
  const message = status >= 500 ? "internal error" : error.message;
  const hint = status === 415 ? SEND_JSON : status < 500 ? ENDPOINTS : undefined;
  return reply.code(status).send(errorBody(status, message, hint));
}
