import type { IncomingMessage, ServerResponse } from "node:http";
import type { ErrorBody } from "./http-errors.js";
import type { ServeMetrics } from "./prometheus.js";
import { Refusal } from "./refusal.js";

/** Seconds after which a client that was refused for the server's load may come again. */
export const RETRY_AFTER = "1";

/** The HTTP server's own handler of a request. */
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Lets at most so many requests wait for their scores. Those beyond are refused before anything is read of them, since an
 * overloaded server must spend as little as it can on what it will not answer: half of a framework's constant answer.
 */
export class Admission {
  private readonly most: number;
  private readonly metrics: ServeMetrics;
  private readonly refusal: Refusal;
  /** Requests that wait for their scores. */
  waiting = 0;

  /** @param most requests that may wait */
  constructor(most: number, metrics: ServeMetrics) {
    this.most = most;
    this.metrics = metrics;
    const body: ErrorBody = {
      error: `${most} requests are waiting already`,
      code: "overloaded",
      hint: "wait as Retry-After says, and ask again",
    };
    this.refusal = new Refusal(503, { "content-type": "application/json", "retry-after": RETRY_AFTER }, body);
  }

  /** What a server calls in place of `handler`. */
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
