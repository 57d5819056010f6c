import type { Branches } from "./branches.js";
import type { FollowFrom } from "./channel.js";
import { Collector, type WholeEntry } from "./collector.js";
import { decodePart, type EntryPart, linkOf } from "./entry.js";
import type { Envelope, Frame } from "./frame.js";
import type { ServingState } from "./state.js";

/** A model that takes what a publisher sends. */
export interface ReplicaModel {
  apply(state: ServingState): void;
  close(): Promise<void>;
}

/** A model, and which state of the log it is in. */
export interface Live<M> {
  readonly model: M;
  readonly run: string;
  /** The last entry applied. */
  number: number;
  /** Examples learned. */
  version: number;
  epoch: number;
  /** When that entry was sent, ms since the epoch. */
  sent: number;
  /** The newest event time made visible, ms since the epoch; null where events have none. */
  newestEvent: number | null;
}

export interface Counters {
  applied: number;
  /** Entries that were there already. */
  duplicates: number;
  /** Entries of earlier writers, or of other models. */
  ignored: number;
  gaps: number;
  conflicts: number;
  damaged: number;
  resyncs: number;
}

/** What a delivery led to: null, or why the log must be read again from a snapshot. */
export type Trouble = "gap" | "conflict" | "damaged" | null;

export interface PassOptions<M> {
  /** Makes a model from the spec in a snapshot, checked against its hash. */
  readonly open: (spec: unknown, run: string) => Promise<M>;
  /** The run all entries must be of; null = the first snapshot's. */
  readonly run: string | null;
  readonly branches: Branches;
  readonly counters: Counters;
  /** Runs a step that changes the model; while it serves, between two answers. */
  readonly change: (step: () => void) => Promise<void>;
}

/** Checksums of applied entries that are remembered, to tell duplicates from conflicts. */
const REMEMBERED = 4096;

/** A snapshot in the making. */
interface Loading<M> {
  readonly number: number;
  readonly epoch: number;
  readonly version: number;
  readonly model: M;
  /** Of the parts applied so far. */
  readonly checksums: string[];
}

/** One reading of the log: a snapshot into a fresh model, then every entry after it. */
export class Pass<M extends ReplicaModel> implements FollowFrom {
  /** Null until the snapshot is whole. */
  live: Live<M> | null = null;
  private readonly options: PassOptions<M>;
  private readonly collector = new Collector();
  private readonly known = new Map<number, { link: string; epoch: number }>();
  private loading: Loading<M> | null = null;
  /** The snapshot that was accepted last: the one that is delivered first. */
  private chosen = "";

  constructor(options: PassOptions<M>) {
    this.options = options;
  }

  accepts({ number, epoch }: { number: number; epoch: number }): boolean {
    const { branches } = this.options;
    if (branches.isDead(epoch, number) || branches.isRefused(`${number}/${epoch}`)) return false;
    this.chosen = `${number}/${epoch}`;
    return true;
  }

  /** @returns an entry that was applied, or the trouble it makes, or null */
  async take(frame: Frame): Promise<WholeEntry | Trouble> {
    const { counters, branches } = this.options;
    const part = tryDecode(frame.body);
    if (!part) return this.damage();
    if (this.run !== null && part.run !== this.run) return this.otherRun(part);
    if (branches.isDead(frame.epoch, part.number)) {
      counters.ignored++;
      return null;
    }
    branches.note(frame.epoch, part.number);
    if (part.kind === "snapshot") return this.live ? this.laterSnapshot(part, frame) : this.load(part, frame);
    const entry = this.collector.add(part, frame);
    if (!this.live) return this.refuseSnapshot("gap");
    return entry && this.delta(entry, this.live);
  }

  /** Counts damage; a snapshot that has it is not begun with again. */
  damage(): Trouble {
    this.options.counters.damaged++;
    return this.refuseSnapshot("damaged");
  }

  /** Frees a model that never served. */
  async abandon(): Promise<void> {
    await (this.live ?? this.loading)?.model.close();
  }

  private get run(): string | null {
    return this.live?.run ?? this.options.run;
  }

  private refuseSnapshot(trouble: Trouble): Trouble {
    if (!this.live) this.options.branches.refuse(this.chosen);
    return trouble;
  }

  /** Another model's log: its deltas are passed over, its snapshot is not begun with again. */
  private otherRun({ kind }: EntryPart): Trouble {
    this.options.counters.ignored++;
    return kind === "delta" || this.live ? null : this.refuseSnapshot("conflict");
  }

  private async load(part: EntryPart, envelope: Envelope): Promise<Trouble> {
    const { number, version } = part;
    const { epoch } = envelope;
    if (part.part === 0 && !this.continues(part, epoch)) {
      await this.loading?.model.close();
      this.loading = null;
      const model = await this.open(part);
      this.loading = { number, epoch, version, model, checksums: [] };
    }
    const { loading } = this;
    if (!loading || !this.continues(part, epoch)) return this.refuseSnapshot("gap");
    if (part.part < loading.checksums.length) return null;
    if (part.part > loading.checksums.length) return this.refuseSnapshot("gap");
    loading.model.apply(part.state);
    loading.checksums.push(part.checksum);
    if (loading.checksums.length < part.parts) return null;
    const { model, checksums } = loading;
    this.loading = null;
    this.known.set(number, { link: number === 0 ? linkOf(checksums) : part.link, epoch });
    this.live = { model, run: part.run, number, version, epoch, sent: envelope.sent, newestEvent: newest(part.times) };
    return null;
  }

  private async open({ spec, run }: EntryPart): Promise<M> {
    try {
      return await this.options.open(spec, run);
    } catch (error) {
      this.refuseSnapshot("conflict");
      throw error;
    }
  }

  private continues({ number, version }: EntryPart, epoch: number): boolean {
    const { loading } = this;
    return loading?.number === number && loading.version === version && loading.epoch === epoch;
  }

  /** A snapshot that comes by while deltas are followed holds nothing new, unless the log went another way. */
  private laterSnapshot({ number }: EntryPart, { epoch }: Envelope): Trouble {
    if (number > this.live!.number) return this.trouble("gap");
    const known = this.known.get(number);
    const settled = (known?.epoch ?? this.live!.epoch) >= epoch;
    return settled ? null : this.trouble("conflict");
  }

  private async delta(entry: WholeEntry, live: Live<M>): Promise<WholeEntry | Trouble> {
    const { branches, counters, change } = this.options;
    if (branches.isRefused(`${entry.number}:${entry.link}`)) {
      counters.ignored++;
      return null;
    }
    if (entry.number <= live.number) return this.repeated(entry, live);
    if (entry.number > live.number + 1) return this.trouble("gap");
    if (entry.previous !== this.known.get(live.number)!.link) return this.otherPast(entry);
    await change(() => {
      for (const { state } of entry.parts) live.model.apply(state);
      this.advance(entry, live);
    });
    counters.applied++;
    return entry;
  }

  private advance(entry: WholeEntry, live: Live<M>): void {
    const { number, version, epoch, sent, link } = entry;
    Object.assign(live, { number, version, epoch, sent });
    live.newestEvent = newest(entry.times, live.newestEvent);
    this.known.set(number, { link, epoch });
    this.known.delete(number - REMEMBERED);
  }

  /** An entry that does not follow ours: its writer went another way, from the entry before it on or earlier. */
  private otherPast({ number, epoch }: WholeEntry): Trouble {
    const ours = this.known.get(number - 1)!;
    if (epoch < ours.epoch) {
      this.options.counters.ignored++;
      return null;
    }
    if (epoch > ours.epoch) this.options.branches.note(epoch, number - 1);
    else this.options.branches.refuse(`${number - 1}:${ours.link}`);
    return this.trouble("conflict");
  }

  private repeated({ number, link, epoch }: WholeEntry, live: Live<M>): Trouble {
    const { branches, counters } = this.options;
    const ours = this.known.get(number);
    const writer = ours?.epoch ?? live.epoch;
    if (ours?.link === link) {
      counters.duplicates++;
      ours.epoch = Math.max(writer, epoch);
      if (number === live.number) live.epoch = ours.epoch;
      return null;
    }
    // What is older than the snapshot cannot be compared; its own writer's is the same.
    if (epoch < writer || (!ours && epoch === writer)) {
      counters.ignored++;
      return null;
    }
    if (ours) branches.refuse(`${number}:${ours.link}`);
    return this.trouble("conflict");
  }

  private trouble(kind: "gap" | "conflict"): Trouble {
    this.options.counters[kind === "gap" ? "gaps" : "conflicts"]++;
    return kind;
  }
}

function tryDecode(body: Uint8Array): EntryPart | null {
  try {
    return decodePart(body);
  } catch {
    return null;
  }
}

function newest(times: readonly number[], before: number | null = null): number | null {
  return times.reduce<number | null>((most, time) => Math.max(most ?? time, time), before);
}
