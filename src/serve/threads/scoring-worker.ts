// A thread that scores: it reads requests, looks their rows up in tables that all such threads share, and runs the
// tower.
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../core/clock.js";
import { AttachedModel } from "../models/attached-model.js";
import type { PackedOutcomes, ScoringCalls } from "../models/model-calls.js";
import { Engine } from "./engine.js";
import { packOutcomes, unpackAsks } from "./packing.js";
import { answerCalls, Transferred } from "./thread-calls.js";
import { TurnCount } from "./turn-count.js";

/** Interval of reports without results, in ms, so that the host can pass on which requests are late or cancelled. */
const QUIET_MS = 10;

const models = new Map<number, AttachedModel>();
/** Each host's requests have separate runs. */
const engines = new Map<number, Engine>();
let current: AttachedModel | undefined;
const turns = new TurnCount(workerData as SharedArrayBuffer);

function engineOf(host: number): Engine {
  const enter = () => current?.enter() ?? null;
  const leave = () => current?.leave();
  const engine = engines.get(host) ?? new Engine({ enter, leave, now: () => systemClock.now() });
  engines.set(host, engine);
  return engine;
}

/**
 * Runs until nothing is left or others want a turn, and reports results meanwhile: the dispatching thread may be busy
 * for longer than a run takes.
 */
async function runs(engine: Engine, tell: (part: Transferred<PackedOutcomes>) => void) {
  let lastReport = systemClock.now();
  for (;;) {
    const outcomes = await engine.run();
    const ends = engine.open === 0 || turns.waiting;
    if (!ends && outcomes.length === 0 && systemClock.now() < lastReport + QUIET_MS) continue;
    const packed = packOutcomes(outcomes, engine.open);
    const found = new Transferred(packed, [packed.scores.buffer]);
    if (ends) return found;
    tell(found);
    lastReport = systemClock.now();
  }
}

answerCalls<ScoringCalls>(parentPort!, {
  async attach({ model, reader }) {
    turns.begin();
    const attached = await AttachedModel.attach(model, reader);
    models.set(model.id, attached);
  },

  async detach({ id }) {
    turns.begin();
    const model = models.get(id);
    models.delete(id);
    if (model === current) current = undefined;
    await model?.close();
  },

  unseen({ id }) {
    turns.begin();
    return models.get(id)?.unseen ?? [];
  },

  turn({ host, model, asked, dropped }, tell) {
    turns.begin();
    const engine = engineOf(host);
    current = model === null ? undefined : models.get(model);
    for (const id of dropped) engine.drop(id);
    for (const ask of unpackAsks(asked)) engine.add(ask);
    return runs(engine, tell);
  },
});
