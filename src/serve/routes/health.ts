import type { ReplicaStatus } from "../../delta-log/replica.js";
import type { Scorer } from "../scorer.js";
import type { Routes } from "./context.js";

/** `GET /v2/health/live`, `GET /v2/health/ready` (503 until every model is there and fresh enough), `GET /metrics`, `GET /v2`. */
export const healthRoutes: Routes = (app, { models, metrics }) => {
  app.get("/v2/health/live", async () => ({ live: true }));
  app.get("/v2/health/ready", async (_, reply) => {
    const ready = models.all.every((scorer) => scorer.health().ready);
    const [only] = models.all;
    const told = models.all.length === 1 ? standing(only) : { models: models.all.map(standing) };
    return reply.code(ready ? 200 : 503).send({ ...told, ready });
  });
  app.get("/metrics", async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  app.get("/v2", async () => ({ name: "hashbrook", extensions: [], ...models.all[0]?.version }));
};

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
