import type { ReplicaStatus } from "../../delta-log/replica.js";
import { Type } from "../../schema/typebox.js";
import type { Endpoint } from "../endpoint.js";
import { type Models, nameOf } from "../models.js";
import type { Scorer } from "../scorer.js";
import type { ServedModel } from "../served-model.js";
import type { Routes } from "./context.js";

const ready: Endpoint = {
  summary: "Whether every model is there and fresh enough",
  answer: Type.Unsafe<object>({ type: "object" }),
  others: { 503: "Not yet, or not any more" },
};
const live: Endpoint = { summary: "Whether the server runs", answer: Type.Object({ live: Type.Literal(true) }) };
const counted: Endpoint = { summary: "What Prometheus reads", answer: "text/plain" };

/**
 * `GET /v2/health/live` and `/healthz`, `GET /v2/health/ready` and `/readyz` (503 until every model is there and fresh enough),
 * `GET /metrics`.
 */
export const healthRoutes: Routes = (app, { models, metrics }) => {
  for (const path of ["/v2/health/live", "/healthz"])
    app.get(path, { config: { endpoint: live, open: true } }, async () => ({ live: true }));
  for (const path of ["/v2/health/ready", "/readyz"]) {
    app.get(path, { config: { endpoint: ready, open: true } }, async (_, reply) => {
      const { body, status } = readiness(models);
      return reply.code(status).send(body);
    });
  }
  app.get("/metrics", { config: { endpoint: counted } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
};

function readiness({ ready, all }: Models): { readonly status: number; readonly body: object } {
  const named = (model: ServedModel) => ({ name: nameOf(model), ...standing(model.stable), ready: model.ready });
  const told = all.length === 1 ? standing(all[0].stable) : { models: all.map(named) };
  return { status: ready ? 200 : 503, body: { ...told, ready } };
}

/** How a scorer stands. */
function standing(scorer: Scorer): object {
  const { ready, version, replica, passedOver } = scorer.health();
  const damage = passedOver.length > 0 && { passed_over: passedOver };
  return { ready, ...version, ...damage, ...(replica && following(replica, scorer.maxStaleness)) };
}

/** What a health answer says of a followed log: ages in seconds. */
function following(status: ReplicaStatus, maxStaleness: number): object {
  const { staleness, eventAge, number, epoch, gaps, damaged, resyncs, trouble } = status;
  const bound = Number.isFinite(maxStaleness) && { max_staleness: maxStaleness };
  return { entry: number, epoch, staleness, ...bound, event_age: eventAge, gaps, damaged, resyncs, trouble };
}
