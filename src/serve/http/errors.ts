import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { errorCode } from "../../core/files.js";

/** The body of every error response. */
export interface ErrorBody {
  readonly error: string;
  readonly code: string;
  readonly hint: string | undefined;
}

/** Error codes of requests refused by HTTP itself, by status (docs/ERRORS.md). */
const codes: Readonly<Record<number, string>> = {
  400: "bad_request",
  404: "not_found",
  405: "method_not_allowed",
  408: "request_timeout",
  413: "request_too_large",
  415: "unsupported_media_type",
  417: "expectation_failed",
  431: "headers_too_large",
};

export function errorBody(status: number, error: string, hint?: string): ErrorBody {
  return { error, code: codes[status] ?? (status < 500 ? "bad_request" : "internal"), hint };
}

/** The response to an unknown method or path. @param allowed methods of the path, none if there is no such path */
export function noEndpoint(method: string, url: string, allowed: readonly string[], hint: string) {
  // The path matches a route of this method, but no endpoint accepts it: an unescaped part of it is not a valid name.
  if (allowed.length === 0 || allowed.includes(method)) {
    return { status: 404, body: errorBody(404, `${method} ${url}: no such endpoint`, hint) };
  }
  const allow = allowed.join(", ");
  return { status: 405, allow, body: errorBody(405, `${method} ${url}: method not allowed, use ${allow}`, hint) };
}

/**
 * Makes a server respond to an `Expect`: refuses what it does not support, and asks only for bodies within the limit; others are
 * refused without them.
 */
export function answerExpectation(server: Server, bodyLimit: number): void {
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (Number(request.headers["content-length"] ?? 0) <= bodyLimit) response.writeContinue();
    // Whether the body follows nevertheless is not known.
    else response.shouldKeepAlive = false;
    server.emit("request", request, response);
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const body = errorBody(
      417,
      `Expect: ${request.headers.expect}: not supported`,
      "send Expect: 100-continue, or leave the header out",
    );
    send(response, 417, body);
  });
}

/** Sends an error as JSON. */
export function send(response: ServerResponse, status: number, body: ErrorBody, allow?: string): void {
  const text = JSON.stringify(body);
  const head = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  response.writeHead(status, { ...head, ...(allow !== undefined && { allow }) });
  response.end(text);
}

/** The response last begun on a connection. */
const answers = new WeakMap<Duplex, ServerResponse>();

/**
 * A handler that records for `refuse` which response is pending on a connection, and refuses HTTP/1.1 requests without one
 * Host: Node accepts several, and its own refusal has no body.
 */
export function noted(handler: RequestListener): RequestListener {
  return (request, response) => {
    answers.set(request.socket, response);
    const hosts = request.httpVersion === "1.1" ? hostsIn(request) : 1;
    if (hosts === 1) return handler(request, response);
    response.shouldKeepAlive = false;
    const what = hosts === 0 ? "no Host header" : `${hosts} Host headers`;
    send(response, 400, errorBody(400, `request: ${what}`, "send exactly one Host header, as HTTP/1.1 requires"));
  };
}

function hostsIn({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i].length === 4 && rawHeaders[i].toLowerCase() === "host") hosts++;
  return hosts;
}

/** Responds on a connection whose request could not be parsed, after earlier responses, and closes it. */
export function refuse(error: Error, socket: Duplex): void {
  const before = answers.get(socket);
  if (before?.req.complete && !before.writableFinished && !before.destroyed)
    before.once("close", () => end(error, socket));
  else end(error, socket);
}

/** Errors after which nothing can be sent: the client has left, or there is no encryption yet. */
const unanswerable: ReadonlySet<string> = new Set(["ECONNRESET", "ERR_TLS_HANDSHAKE_TIMEOUT"]);

function end(error: Error, socket: Duplex): void {
  if (!socket.writable || unanswerable.has(errorCode(error) ?? "")) {
    socket.destroy();
    return;
  }
  const { status, body } = refusal(error);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`);
}

function refusal(error: Error): { status: number; body: ErrorBody } {
  const of = (status: number, message: string, hint: string) => ({ status, body: errorBody(status, message, hint) });
  switch (errorCode(error)) {
    case "HPE_HEADER_OVERFLOW":
      return of(431, "headers: larger than 16 KiB", "send fewer or shorter headers");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return of(
        408,
        "request: timed out while it was received",
        "send headers within 5 s and the whole request within 10 s",
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return of(413, "body: chunk extensions larger than 16 KiB", "leave chunk extensions out");
    default:
      return of(400, `request: not valid HTTP: ${error.message}`, "send HTTP/1.1");
  }
}
