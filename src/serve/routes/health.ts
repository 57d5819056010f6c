import type { ReplicaStatus } from "../../delta-log/replica.js";
import { addHealth } from "../health.js";
import type { Models } from "../models/models.js";
import type { ServedModel } from "../models/served-model.js";
import type { Scorer } from "../scorer.js";
import type { Routes } from "./context.js";

/** The server's state: ready once every model is loaded and fresh enough. */
export const healthRoutes: Routes = (app, { models, metrics }) =>
  addHealth(app, { readiness: () => readiness(models), metrics });

function readiness({ ready, all }: Models): { readonly ready: boolean } {
  const named = (model: ServedModel) => ({ name: model.called, ...standing(model.stable), ready: model.ready });
  const states = all.length === 1 ? standing(all[0].stable) : { models: all.map(named) };
  return { ...states, ready };
}

/** The state of a scorer. */
function standing(scorer: Scorer): object {
  const { ready, version, replica, passedOver, trouble, held } = scorer.health();
  const kept = held !== null && { held };
  const damage = passedOver.length > 0 && { passed_over: passedOver };
  const unserved = trouble !== null && { trouble };
  return {
    ready,
    ...version,
    ...damage,
    ...unserved,
    ...kept,
    ...(replica && following(replica, scorer.maxStaleness)),
  };
}

/** The part of a health answer about a followed log: ages in seconds. */
function following(status: ReplicaStatus, maxStaleness: number): object {
  const { staleness, eventAge, number, epoch, gaps, damaged, resyncs, trouble } = status;
  const bound = Number.isFinite(maxStaleness) && { max_staleness: maxStaleness };
  return { entry: number, epoch, staleness, ...bound, event_age: eventAge, gaps, damaged, resyncs, trouble };
}
