import { systemClock } from "../../core/clock.js";
import type { UnseenIds } from "../live/unseen.js";
import { AttachedModel } from "../models/attached-model.js";
import type { SharedModel } from "../models/model-calls.js";
import type { Ask, NearLane, TurnResult } from "./dispatcher.js";
import { Engine, type Outcome } from "./engine.js";

/** Longest run of a few rows for which a model's requests are scored here, in ms: nothing else happens meanwhile. */
const MOST_MS = 0.4;
/** A busier event loop hands over even a few requests, so that the next ones are read meanwhile. */
const MOST_BUSY = 0.5;
/** Shortest interval over which that is measured, in ms. */
const BUSY_MS = 5;

/** Models that another thread holds, to score with in the calling thread, too. */
export class NearModels {
  private readonly reader: number;
  private readonly mostMs: number;
  private readonly held: () => boolean;
  /** Those that are fast enough. */
  private readonly models = new Map<number, AttachedModel>();
  private readonly loop = new LoopLoad();
  /** The turn in progress. */
  private turn: Promise<unknown> | null = null;

  /**
   * @param reader its number among the models' readers
   * @param held whether the thread that holds the models is alive
   * @param mostMs longest run of a few rows
   */
  constructor(reader: number, held: () => boolean, mostMs = MOST_MS) {
    this.reader = reader;
    this.held = held;
    this.mostMs = mostMs;
  }

  /** A model is used here from now on if it is fast enough. */
  async attach(shared: SharedModel): Promise<void> {
    const attached = await AttachedModel.attach(shared, this.reader);
    if ((await attached.shortRunMs()) <= this.mostMs) this.models.set(shared.id, attached);
    else await attached.close();
  }

  async detach(id: number): Promise<void> {
    const attached = this.models.get(id);
    if (!attached) return;
    this.models.delete(id);
    await this.turn?.catch(() => undefined);
    await attached.close();
  }

  /** What requests did not find in a model's tables. */
  unseen(id: number): UnseenIds[] {
    return this.models.get(id)?.unseen ?? [];
  }

  /** @param model number of the model that answers; null: there is none */
  lane(model: () => number | null): NearLane {
    let current: AttachedModel | undefined;
    const enter = async () => {
      current = this.attached(model());
      return (await current?.enterUnblocked(this.held)) ?? null;
    };
    const engine = new Engine({ enter, leave: () => current?.leave(), now: () => systemClock.now() });
    const ready = () => this.turn === null && this.loop.share < MOST_BUSY && this.isOpen(this.attached(model()));
    return {
      get ready() {
        return ready();
      },
      turn: (asked) => this.inTurn(() => scored(engine, asked)),
    };
  }

  private attached(id: number | null): AttachedModel | undefined {
    return id === null ? undefined : this.models.get(id);
  }

  private isOpen(model: AttachedModel | undefined): boolean {
    return model !== undefined && !model.changing;
  }

  private async inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = step();
    this.turn = turn;
    try {
      return await turn;
    } finally {
      this.turn = null;
    }
  }
}

/** Scores all of them. */
async function scored(engine: Engine, asked: readonly Ask[]): Promise<TurnResult> {
  for (const ask of asked) engine.add(ask);
  const outcomes: Outcome[] = [];
  try {
    do outcomes.push(...(await engine.run()));
    while (engine.open > 0);
  } finally {
    for (const { id } of asked) engine.drop(id);
  }
  return { outcomes, open: 0 };
}

/** The share of its time for which the thread's event loop was busy lately. */
class LoopLoad {
  private since = performance.eventLoopUtilization();
  private recent = 0;

  get share(): number {
    const now = performance.eventLoopUtilization();
    const { active, idle, utilization } = performance.eventLoopUtilization(now, this.since);
    if (active + idle >= BUSY_MS) {
      this.since = now;
      this.recent = utilization;
    }
    return this.recent;
  }
}
