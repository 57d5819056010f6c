import {
  createServer as createHttpServer,
  type ServerOptions as HttpOptions,
  maxHeaderSize,
  type RequestListener,
  type Server,
} from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { Readable } from "node:stream";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from "fastify";
import { drawn } from "../../core/chance.js";
import { HashbrookError, toPlainError } from "../../core/errors.js";
import { readBody, SEND_JSON } from "../requests/body.js";
import { type Admission, RETRY_AFTER } from "./admission.js";
import { answerExpectation, errorBody, noEndpoint, noted, refuse } from "./errors.js";
import { RouteMethods } from "./route-methods.js";
import { requireToken } from "./token.js";

/** Options of every HTTP server of this package. */
export interface AppOptions {
  /** Log every request as a JSON line. Default false. */
  readonly log?: boolean | undefined;
  /** Largest request body in bytes. Default 4 MiB. */
  readonly bodyLimit?: number | undefined;
  /** Requests need one of these bearer tokens (except for the health endpoints). Default: all requests are answered. */
  readonly tokens?: readonly string[] | undefined;
  /** PEM texts, for HTTPS. Default: HTTP. */
  readonly tls?: Tls | undefined;
  /** Maximum number of open connections; further ones are closed at once. Default: no limit. */
  readonly maxConnections?: number | undefined;
  /** Timeouts of connections, in milliseconds. */
  readonly timeouts?: Timeouts | undefined;
}

/** A certificate and its key, as PEM texts. */
interface Tls {
  readonly cert: Buffer | string;
  readonly key: Buffer | string;
  /** Called with every server, to renew its certificate. @internal */
  use?(server: HttpsServer): void;
}

/** Timeouts after which a connection is closed, in milliseconds. */
export interface Timeouts {
  /** For a request's headers, and before them for the TLS handshake. Default 5,000. */
  readonly headers?: number | undefined;
  /** For a whole request. Default 10,000. */
  readonly request?: number | undefined;
  /** Between two requests. Default 65,000. */
  readonly idle?: number | undefined;
}

/** Default limit of a request's body, in bytes. */
export const BODY_LIMIT = 4 << 20;

/** Maximum interval between two checks of connections, in ms. */
const LOOK_MS = 1_000;

function timesOf({ headers = 5_000, request = 10_000, idle = 65_000 }: Timeouts = {}): HttpOptions {
  const connectionsCheckingInterval = Math.min(LOOK_MS, headers, request);
  const times = { headersTimeout: headers, requestTimeout: request, keepAliveTimeout: idle };
  return { ...times, connectionsCheckingInterval, requireHostHeader: false };
}

/** Header of a request's id, which is returned in the response and written to log lines. */
const ID_HEADER = "x-request-id";
const ID = /^[\x21-\x7e]{1,128}$/;

/**
 * A server without endpoints: how requests are admitted and parsed, and the body of every error, `{"error", "code",
 * "hint"}`, with a 4xx status for a bad request.
 * @param hint of the response if there is no such endpoint
 */
export function createApp(options: AppOptions, hint: string, admission?: Admission): FastifyInstance {
  const app = Fastify(fastifyOptions(options, hint, admission));
  const server: Server = app.server;
  if (options.maxConnections) server.maxConnections = options.maxConnections;
  answerExpectation(server, options.bodyLimit ?? BODY_LIMIT);
  app.addHook("onRequest", (request, reply, done) => {
    reply.header(ID_HEADER, request.id);
    done();
  });
  if (options.tokens) app.addHook("onRequest", requireToken(options.tokens));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (request: FastifyRequest, payload: Readable) =>
    readBody(request, payload, options.bodyLimit ?? BODY_LIMIT),
  );
  answerUnknownPaths(app, hint);
  app.setErrorHandler(answerError(hint));
  return app;
}

function fastifyOptions(options: AppOptions, hint: string, admission: Admission | undefined): FastifyServerOptions {
  return {
    // Not pino's own destination for standard output, which blocks if the disk behind it is full.
    logger: options.log ? { redact: ["req.headers.authorization"], stream: process.stdout } : false,
    // Requests are validated as they are: nothing is coerced or removed.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allowUnionTypes: true } },
    // Ids are part of paths, and may be long; headers and path together are limited by Node.
    routerOptions: { maxParamLength: maxHeaderSize },
    genReqId: ({ headers }) => idOf(headers[ID_HEADER]),
    // Requests received before closing are still answered.
    return503OnClosing: false,
    clientErrorHandler: refuse,
    // Only the announced address depends on it: `serverFactory` makes the server, of one type for HTTP and HTTPS.
    ...({ https: options.tls !== undefined } as object),
    frameworkErrors: (error, request, reply) => answerError(hint)(error, request, reply),
    serverFactory: (handler) => {
      const guarded = noted(admission?.guard(handler) ?? handler);
      const times = timesOf(options.timeouts);
      return options.tls ? httpsServer(options.tls, times, guarded) : createHttpServer(times, guarded);
    },
  };
}

/** Answers requests to a path, or with a method, that no route has. To be called before routes are added. */
function answerUnknownPaths(app: FastifyInstance, hint: string): void {
  const methods = new RouteMethods();
  app.addHook("onRoute", ({ url, method }) => {
    for (const one of [method].flat()) methods.add(url, one);
  });
  const answerNotFound = (request: FastifyRequest, reply: FastifyReply) => {
    const allowed = methods.of(request.url.split("?")[0]);
    const { status, allow, body } = noEndpoint(request.method, request.url, allowed, hint);
    if (allow !== undefined) reply.header("allow", allow);
    return reply.code(status).send(body);
  };
  app.setNotFoundHandler(answerNotFound);
  // Before its body, type and method are judged: there is nothing that they could be right for.
  app.addHook("onRequest", (request, reply, done) => {
    if (request.is404) answerNotFound(request, reply);
    else done();
  });
}

function httpsServer(tls: Tls, times: HttpOptions, handler: RequestListener): HttpsServer {
  const options = { ...times, handshakeTimeout: times.headersTimeout, cert: tls.cert, key: tls.key };
  const server = createHttpsServer(options, handler);
  tls.use?.(server);
  return server;
}

/** Prefix that makes request ids differ between processes, so that answers can be joined with outcomes. */
const prefix = Math.floor(drawn() * 36 ** 8).toString(36);
let ids = 0;

/** The id chosen by the client, or a new one. */
function idOf(given: string | string[] | undefined): string {
  return typeof given === "string" && ID.test(given) ? given : `${prefix}-${(ids++).toString(36)}`;
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
