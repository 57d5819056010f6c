import type { IncomingMessage } from "node:http";
import type { FastifyRequest } from "fastify";
import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import type { ScoreOptions } from "../scorer.js";

/** The header with the time a client waits, in milliseconds from the request's arrival. */
export const DEADLINE_HEADER = "x-request-timeout-ms";

/**
 * How long to wait for a request's scores.
 * @param wait limit from the client in addition to the header, in milliseconds
 * @throws HashbrookError request_invalid
 */
export function limitsOf(request: FastifyRequest, wait = Number.POSITIVE_INFINITY): ScoreOptions {
  const deadline = Math.min(deadlineOf(request) ?? Number.POSITIVE_INFINITY, systemClock.now() + wait);
  return { signal: new Gone(request.raw), deadline };
}

/**
 * Whether the client is gone. Creating a request's own AbortSignal would take as long as everything else about a small
 * request.
 */
class Gone {
  private readonly raw: IncomingMessage;

  constructor(raw: IncomingMessage) {
    this.raw = raw;
  }

  get aborted(): boolean {
    return this.raw.socket?.destroyed === true;
  }
}

/** A day: longer than any client waits. */
const MOST = 86_400_000;

/**
 * When a client stops waiting, on the monotonic clock; undefined if it states none.
 * @throws HashbrookError request_invalid if the header is not a number of milliseconds
 */
export function deadlineOf({ headers }: FastifyRequest): number | undefined {
  const text = headers[DEADLINE_HEADER];
  if (text === undefined) return undefined;
  const wait = typeof text === "string" && /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (wait <= MOST) return systemClock.now() + wait;
  throw new HashbrookError("request_invalid", `${DEADLINE_HEADER}: must be milliseconds, 0 to ${MOST}`, {
    hint: "send a number such as 50",
  });
}
