import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { HashbrookError, toPlainError } from "../core/errors.js";
import type { ReplicaStatus } from "../delta-log/replica.js";
import { answerExpectation, errorBody, noEndpoint, refuse } from "./http-errors.js";
import { ServeMetrics } from "./prometheus.js";
import type { Scorer } from "./scorer.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Candidates scored. */
    scored: number;
  }
}

/** How a server listens to its clients. */
export interface ServerOptions {
  /** Log every request as a JSON line. Default false. */
  readonly log?: boolean;
  /** Largest request body in bytes. Default 4 MiB. */
  readonly bodyLimit?: number;
  /** What `GET /metrics` tells; by default a fresh one. */
  readonly metrics?: ServeMetrics;
}

/** A body is read to its end up to this many times the limit, so that the client hears the refusal instead of a broken pipe. */
const DRAINED = 16;

async function readBody({ headers }: FastifyRequest, payload: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const encoding = headers["content-encoding"] ?? "identity";
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of payload) {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else if (size > DRAINED * limit) break;
    }
  } catch (cause) {
    throw new HashbrookError("request_invalid", "body: was cut short", { cause });
  }
  if (encoding.toLowerCase() !== "identity") throw new Unsupported(`content-encoding: ${encoding}: is not read`);
  if (size <= limit) return Buffer.concat(chunks);
  throw new HashbrookError("request_too_large", `body: over ${limit} bytes`, { hint: "split the request" });
}

/** A body that is there, but in another form. */
class Unsupported extends Error {
  readonly statusCode = 415;
}

const ENDPOINTS = "POST /v1/score, GET /v2/health/ready, GET /metrics";
const SEND_JSON = "send JSON with content-type: application/json, not compressed";

/**
 * The HTTP door of a scorer: `POST /v1/score`, `GET /v2/health/live`, `GET /v2/health/ready` (503 until the model is
 * there and fresh enough), `GET /v2`, and `GET /metrics` in Prometheus' text format.
 * Every error answers `{"error": message, "code", "hint"}` with a 4xx for a bad request.
 */
export function createServer(scorer: Scorer, options: ServerOptions = {}): FastifyInstance {
  const app = Fastify({
    logger: options.log ?? false,
    requestTimeout: 10_000,
    // A request that came in before the end is answered.
    return503OnClosing: false,
    clientErrorHandler: refuse,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    http: {
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
  });
  answerExpectation(app.server);
  const methods = new Map<string, string[]>();
  app.addHook("onRoute", ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
  });
  const metrics = options.metrics ?? new ServeMetrics();
  metrics.watch(scorer);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: AsyncIterable<Buffer>) =>
    readBody(request, payload, options.bodyLimit ?? 4 << 20),
  );

  app.decorateRequest("scored", 0);
  const counts = async (request: FastifyRequest, reply: FastifyReply) =>
    metrics.answered(reply.statusCode, request.scored, reply.elapsedTime / 1000);
  app.post("/v1/score", { onResponse: counts }, async (request) => {
    if (!(request.body instanceof Uint8Array)) {
      throw new HashbrookError("request_invalid", "body: missing", { hint: SEND_JSON });
    }
    const { scores, model, ignored } = await scorer.score(request.body);
    request.scored = scores.length;
    return ignored.length > 0 ? { scores, ...model, ignored } : { scores, ...model };
  });
  app.get("/v2/health/live", async () => ({ live: true }));
  app.get("/v2/health/ready", async (_, reply) => {
    const { ready, version, replica, passedOver } = scorer.health();
    const damage = passedOver.length > 0 && { passed_over: passedOver };
    const follows = replica && standing(replica, scorer.maxStaleness);
    return reply.code(ready ? 200 : 503).send({ ready, ...version, ...damage, ...follows });
  });
  app.get("/metrics", async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  app.get("/v2", async () => ({ name: "hashbrook", extensions: [], ...scorer.version }));

  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.get(request.url.split("?")[0]) ?? [];
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

/** What a health answer says of a followed log: ages in seconds. */
function standing(status: ReplicaStatus, maxStaleness: number): object {
  const { staleness, eventAge, number, epoch, gaps, damaged, resyncs, trouble } = status;
  const bound = Number.isFinite(maxStaleness) && { max_staleness: maxStaleness };
  return { entry: number, epoch, staleness, ...bound, event_age: eventAge, gaps, damaged, resyncs, trouble };
}
