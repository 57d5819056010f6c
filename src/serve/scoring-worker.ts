// A thread that scores: it reads requests, looks their rows up in tables that all such threads share, and runs the tower.
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.js";
import { AttachedModel } from "./attached-model.js";
import { Engine, type Outcome } from "./engine.js";
import type { ScoringCalls } from "./model-calls.js";
import { packOutcomes, unpackAsks } from "./packing.js";
import { answerCalls, Transferred } from "./thread-calls.js";
import { TurnCount } from "./turn-count.js";

/** A turn that has nothing to say ends after so many milliseconds, so that what is late or given up is heard of. */
const TURN_MS = 10;

const models = new Map<number, AttachedModel>();
/** The requests of each host are runs of their own. */
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

/** Runs until something is finished, or others want a turn. Handing every run back would take as long as a run where cores are busy. */
async function runs(engine: Engine): Promise<readonly Outcome[]> {
  const until = systemClock.now() + TURN_MS;
  for (;;) {
    const outcomes = await engine.run();
    if (outcomes.length > 0 || engine.open === 0 || turns.waiting || systemClock.now() >= until) return outcomes;
  }
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
    turns.begin();
    const engine = engineOf(host);
    current = model === null ? undefined : models.get(model);
    for (const id of dropped) engine.drop(id);
    for (const ask of unpackAsks(asked)) engine.add(ask);
    const packed = packOutcomes(await runs(engine), engine.open);
    return new Transferred(packed, [packed.scores.buffer]);
  },
});
