import { createServer as createHttpServer, type ServerOptions as HttpOptions, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Readable } from "node:stream";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { HashbrookError, toPlainError } from "../core/errors.js";
import { type Admission, RETRY_AFTER } from "./admission.js";
import { readBody, SEND_JSON } from "./body.js";
import { answerExpectation, errorBody, noEndpoint, refuse } from "./http-errors.js";
import { RouteMethods } from "./route-methods.js";
import { requireToken } from "./token.js";

/** What every server of ours is told. */
export interface AppOptions {
  /** Log every request as a JSON line. Default false. */
  readonly log?: boolean | undefined;
  /** Largest request body in bytes. Default 4 MiB. */
  readonly bodyLimit?: number | undefined;
  /** Answers only requests with one of these bearer tokens (but for the health endpoints). Default: all. */
  readonly tokens?: readonly string[] | undefined;
  /** PEM texts, for HTTPS. Default: HTTP. */
  readonly tls?: { readonly cert: Buffer | string; readonly key: Buffer | string } | undefined;
  /** Open connections; more are closed at once. Default: no bound. */
  readonly maxConnections?: number | undefined;
}

/** Bytes of a request's body, by default. */
export const BODY_LIMIT = 4 << 20;

/** How long a client may take for its request, and a connection wait for another one. */
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const IDLE_MS = 65_000;
const TIMES: HttpOptions = {
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: IDLE_MS,
  connectionsCheckingInterval: 1_000,
  requireHostHeader: false,
};

/** A request's id goes into its answer and its log lines. */
const ID_HEADER = "x-request-id";
const ID = /^[\x21-\x7e]{1,128}$/;

/**
 * A server without endpoints: how requests are let in and read, and what every error answers: `{"error", "code", "hint"}`, with
 * a 4xx for a bad request.
 * @param hint what a request is told that finds no endpoint
 */
export function createApp(options: AppOptions, hint: string, admission?: Admission): FastifyInstance {
  const app = Fastify({
    logger: options.log ? { redact: ["req.headers.authorization"] } : false,
    // What a client sends is what is meant: nothing is coerced, nothing dropped.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allowUnionTypes: true } },
    genReqId: ({ headers }) => idOf(headers[ID_HEADER]),
    // A request that came in before the end is answered.
    return503OnClosing: false,
    clientErrorHandler: refuse,
    frameworkErrors: (error, request, reply) => answerError(hint)(error, request, reply),
    serverFactory: (handler) => {
      const guarded = admission?.guard(handler) ?? handler;
      return options.tls ? createHttpsServer({ ...TIMES, ...options.tls }, guarded) : createHttpServer(TIMES, guarded);
    },
  });
  const server: Server = app.server;
  if (options.maxConnections) server.maxConnections = options.maxConnections;
  answerExpectation(server);
  const methods = new RouteMethods();
  app.addHook("onRoute", ({ url, method }) => {
    for (const one of [method].flat()) methods.add(url, one);
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.header(ID_HEADER, request.id);
    done();
  });
  if (options.tokens) app.addHook("onRequest", requireToken(options.tokens));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (request: FastifyRequest, payload: Readable) =>
    readBody(request, payload, options.bodyLimit ?? BODY_LIMIT),
  );
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.of(request.url.split("?")[0]);
    const { status, allow, body } = noEndpoint(request.method, request.url, allowed, hint);
    if (allow !== undefined) reply.header("allow", allow);
    return reply.code(status).send(body);
  });
  app.setErrorHandler(answerError(hint));
  return app;
}

let ids = 0;

/** The id that a client chose, or one of this process. */
function idOf(given: string | string[] | undefined): string {
  return typeof given === "string" && ID.test(given) ? given : `${process.pid.toString(36)}-${(ids++).toString(36)}`;
}

function answerError(endpoints: string) {
  return (error: FastifyError | HashbrookError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof HashbrookError) {
      const { message, code, hint, status } = error;
      if (status === 503) reply.header("retry-after", RETRY_AFTER);
      return reply.code(status).send({ error: message, code, hint });
    }
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error(toPlainError(error));
    const message = status >= 500 ? "internal error" : error.message;
    const hint = status === 415 ? SEND_JSON : status < 500 ? endpoints : undefined;
    return reply.code(status).send(errorBody(status, message, hint));
  };
}
