import type { FastifyInstance } from "fastify";
import { addHealth } from "../health.js";
import { createApp } from "../http/app.js";

/** The state of a process that serves no scores, such as a trainer. */
export interface ProcessState {
  readonly ready: boolean;
  /** Why it is not ready; null if it is. */
  readonly reason: string | null;
  /** The content type of `text`. */
  readonly contentType: string;
  /** Its metrics, in Prometheus' text format. */
  text(): Promise<string>;
}

/**
 * `GET /metrics`, `GET /v2/health/live`, `GET /v2/health/ready` (503 with a reason) and their short forms; nothing
 * else.
 */
export function createMetricsServer(state: ProcessState): FastifyInstance {
  const app = createApp({}, "GET /metrics, GET /v2/health/live, GET /v2/health/ready");
  addHealth(app, { readiness: () => ({ ready: state.ready, reason: state.reason }), metrics: state });
  return app;
}
