// A thread that scores: it reads requests, looks their rows up in tables that all such threads share, and runs the tower.
import { parentPort } from "node:worker_threads";
import { systemClock } from "../core/clock.js";
import { AttachedModel } from "./attached-model.js";
import { Engine } from "./engine.js";
import type { ScoringCalls } from "./model-calls.js";
import { packOutcomes, unpackAsks } from "./packing.js";
import { answerCalls, Transferred } from "./thread-calls.js";

const models = new Map<number, AttachedModel>();
/** The requests of each host are runs of their own. */
const engines = new Map<number, Engine>();
let current: AttachedModel | undefined;

function engineOf(host: number): Engine {
  const enter = () => current?.enter() ?? null;
  const leave = () => current?.leave();
  const engine = engines.get(host) ?? new Engine({ enter, leave, now: () => systemClock.now() });
  engines.set(host, engine);
  return engine;
}

answerCalls<ScoringCalls>(parentPort!, {
  async attach({ model, reader }) {
    const attached = await AttachedModel.attach(model, reader);
    models.set(model.id, attached);
  },

  async detach({ id }) {
    const model = models.get(id);
    models.delete(id);
    if (model === current) current = undefined;
    await model?.close();
  },

  unseen({ id }) {
    return models.get(id)?.unseen ?? [];
  },

  async turn({ host, model, asked, dropped }) {
    const engine = engineOf(host);
    current = model === null ? undefined : models.get(model);
    for (const id of dropped) engine.drop(id);
    for (const { id, body } of unpackAsks(asked)) engine.add(id, body);
    const packed = packOutcomes(await engine.run(), engine.open);
    return new Transferred(packed, [packed.scores.buffer]);
  },
});
