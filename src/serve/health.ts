import type { FastifyInstance } from "fastify";
import { Type } from "../schema/typebox.js";
import type { Endpoint } from "./http/endpoint.js";

/** The state of a process. */
export interface Standing {
  /** Whether it can do its work. */
  readonly readiness: () => { readonly ready: boolean };
  readonly metrics: {
    /** The content type of `text`. */
    readonly contentType: string;
    /** In Prometheus' text format. */
    text(): Promise<string>;
  };
}

const ready: Endpoint = {
  summary: "Whether every model is loaded and fresh enough",
  answer: Type.Unsafe<object>({ type: "object" }),
  others: { 503: "Not ready" },
};
const live: Endpoint = { summary: "Whether the server is running", answer: Type.Object({ live: Type.Literal(true) }) };
const counted: Endpoint = { summary: "Metrics, for Prometheus", answer: "text/plain" };

/**
 * `GET /v2/health/live` and `/healthz`, `GET /v2/health/ready` and `/readyz` (503 while it is not ready), `GET
 * /metrics`.
 */
export function addHealth(app: FastifyInstance, { readiness, metrics }: Standing): void {
  for (const path of ["/v2/health/live", "/healthz"])
    app.get(path, { config: { endpoint: live, open: true } }, async () => ({ live: true }));
  for (const path of ["/v2/health/ready", "/readyz"]) {
    app.get(path, { config: { endpoint: ready, open: true } }, async (_, reply) => {
      const body = readiness();
      return reply.code(body.ready ? 200 : 503).send(body);
    });
  }
  app.get("/metrics", { config: { endpoint: counted } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
}
