import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServeMetrics } from "../metrics/prometheus.js";
import type { ErrorBody } from "./errors.js";
import { Refusal } from "./refusal.js";

/** Retry-After in seconds for a client that was refused because of load. */
export const RETRY_AFTER = "1";

/** The HTTP server's own handler of a request. */
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Limits the number of requests that wait for their scores. Others are refused before anything of them is read, since
 * an overloaded server must spend as little as possible on requests it will not answer: half of a constant answer by
 * the framework.
 */
export class Admission {
  private readonly most: number;
  private readonly metrics: ServeMetrics;
  private readonly refusal: Refusal;
  /** Requests waiting for their scores. */
  waiting = 0;

  /** @param most requests that may wait */
  constructor(most: number, metrics: ServeMetrics) {
    this.most = most;
    this.metrics = metrics;
    const body: ErrorBody = {
      error: `overloaded: ${most} requests are already waiting`,
      code: "overloaded",
      hint: "retry after the time given in Retry-After",
    };
    this.refusal = new Refusal(503, { "content-type": "application/json", "retry-after": RETRY_AFTER }, body);
  }

  /** Wraps `handler`. */
  guard(handler: Handler): Handler {
    return (request, response) => {
      if (request.method !== "POST") return handler(request, response);
      if (this.waiting >= this.most) return this.refuse(request, response);
      this.waiting++;
      response.once("close", () => this.waiting--);
      handler(request, response);
    };
  }

  private refuse(request: IncomingMessage, response: ServerResponse): void {
    this.metrics.refused("overloaded");
    this.refusal.answer(request, response);
  }
}
