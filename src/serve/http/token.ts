import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import type { FastifyRequest, onRequestAsyncHookHandler } from "fastify";
import { HashbrookError } from "../../core/errors.js";
import { hintOf } from "../../core/system-errors.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Answered without a token: for probes. */
    open?: boolean;
  }
}

const TOKEN = /^[\x21-\x7e]{16,}$/;

/**
 * The tokens in a file, one per line: several, so that each client may have its own, and one can be replaced without a
 * gap. Empty lines and those that begin with # are ignored.
 * @throws HashbrookError usage
 */
export function readTokens(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const { message } = cause as Error;
    throw new HashbrookError("usage", `${file}: cannot be read: ${message}`, { hint: hintOf(cause), cause });
  }
  return checkedTokens(text, file);
}

/**
 * @param from the text's origin: a file or a variable
 * @throws HashbrookError usage if there is no token, or one that can be guessed or cannot be sent
 */
export function checkedTokens(text: string, from: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const bad = lines.findIndex((line) => line !== "" && !line.startsWith("#") && !TOKEN.test(line));
  const tokens = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (bad < 0 && tokens.length > 0) return tokens;
  const place = tokens.length === 0 ? `${from}: has no token` : `${from}:${bad + 1}: not a valid token`;
  throw new HashbrookError(
    "usage",
    `${place}: expected at least 16 printable characters without spaces, one token per line`,
    {
      hint: "generate one: openssl rand -hex 32",
    },
  );
}

/**
 * A hook that admits requests with `Authorization: Bearer TOKEN`, and all requests to open routes. Digests are compared
 * in constant time, so timing reveals neither a token's length nor its beginning.
 */
export function requireToken(tokens: readonly string[]): onRequestAsyncHookHandler {
  const expected = tokens.map(digest);
  return async (request, reply) => {
    if (request.routeOptions.config.open) return;
    const given = bearerOf(request);
    const sent = digest(given);
    if (expected.filter((token) => timingSafeEqual(token, sent)).length > 0) return;
    reply.header("www-authenticate", "Bearer");
    const wrong = given ? "unknown token" : "missing";
    throw new HashbrookError("unauthorized", `authorization: ${wrong}`, {
      hint: "send the header Authorization: Bearer TOKEN",
    });
  };
}

/** The token that a request sends; empty: none. */
export function bearerOf({ headers }: Pick<FastifyRequest, "headers">): string {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1] ?? "";
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
