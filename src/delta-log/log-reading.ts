import { Collector, type WholeEntry } from "./collector.js";
import type { FollowFrom } from "./delta-log.js";
import { decodePart, type EntryPart, linkOf, NO_LINK } from "./entry.js";
import type { Envelope, Frame } from "./frame.js";
import type { Counters, KeptPlace, Live, LogPlace, ReplicaModel } from "./live.js";
import type { WriterEpochs } from "./writer-epochs.js";

/** The outcome of a delivery: null, or why the log must be read again from a snapshot. */
export type Trouble = "gap" | "conflict" | null;

export interface LogReadingOptions<M> {
  /** Creates a model from the spec in a snapshot of at least so many bytes in f32, after checking its hash. */
  readonly open: (spec: unknown, run: string, bytes: number) => Promise<M>;
  /** The run all entries must belong to; null = the first snapshot's. */
  readonly run: string | null;
  readonly branches: WriterEpochs;
  readonly counters: Counters;
  /** The newest entry that was counted as applied, in any reading. */
  readonly counted: { number: number; epoch: number };
  /**
   * The missing entry, if the previous reading ended at it, too: reading again would not help, so it waits for the
   * entry or a later snapshot. null: none.
   */
  readonly lost: number | null;
  /** Runs a step that changes the model; while it serves, between two answers. */
  readonly change: (step: () => Promise<void>) => Promise<void>;
}

/** Checksums of applied entries that are kept, to distinguish duplicates from conflicts. */
const REMEMBERED = 4096;

/** A snapshot being loaded. */
interface Loading<M> {
  readonly number: number;
  readonly version: number;
  readonly link: string;
  readonly run: string;
  readonly model: M;
  epoch: number;
  /** Checksums of the parts applied so far. */
  readonly checksums: string[];
}

/** One reading of the log: a snapshot into a new model, then every entry after it. */
export class LogReading<M extends ReplicaModel> implements FollowFrom {
  /** Null until the snapshot is complete. */
  live: Live<M> | null = null;
  /** The missing entry, if later ones have come; null: none. */
  missing: number | null = null;
  /** The model of the newest entries, if it is another one. */
  stranger: string | null = null;
  private readonly options: LogReadingOptions<M>;
  private readonly collector = new Collector();
  private readonly known = new Map<number, { link: string; epoch: number }>();
  private loading: Loading<M> | null = null;
  /** The snapshot begun with, and its parts' checksums. */
  private begun: { readonly number: number; readonly checksums: readonly string[] } | null = null;
  /** The snapshot that was accepted last: it is delivered first. */
  private chosen = "";

  constructor(options: LogReadingOptions<M>) {
    this.options = options;
  }

  accepts({ number, epoch }: { number: number; epoch: number }): boolean {
    const { branches } = this.options;
    if (branches.isDead(epoch, number) || branches.isRefused(`${number}/${epoch}`)) return false;
    this.chosen = `${number}/${epoch}`;
    return true;
  }

  /** The model whose entries count; null before the first snapshot. */
  get run(): string | null {
    return this.live?.run ?? this.loading?.run ?? this.options.run;
  }

  /** @returns an entry that was applied, or the trouble it causes, or null */
  async take(frame: Frame): Promise<WholeEntry | Trouble> {
    const { counters, branches } = this.options;
    const part = tryDecode(frame.body);
    if (!part) {
      this.damage();
      return null;
    }
    const isStranger = this.run !== null && part.run !== this.run;
    this.stranger = isStranger ? part.run : null;
    if (isStranger || branches.isDead(frame.epoch, part.number)) {
      counters.ignored++;
      return null;
    }
    branches.note(frame.epoch, part.number);
    if (part.kind === "snapshot")
      return this.live ? this.laterSnapshot(part, frame, this.live) : this.load(part, frame);
    const entry = this.collector.add(part, frame);
    if (!this.live) return this.loading && part.number <= this.loading.number ? null : this.refuseSnapshot();
    return entry && this.delta(entry, this.live);
  }

  /** Counts damage. Later entries show whether anything is missing. */
  damage(): void {
    this.options.counters.damaged++;
  }

  /** Frees a model that never served. */
  async abandon(): Promise<void> {
    await (this.live ?? this.loading)?.model.close();
  }

  /** The snapshot is incomplete: it is not tried again. */
  private refuseSnapshot(): Trouble {
    this.options.branches.refuse(this.chosen);
    return "gap";
  }

  private async load(part: EntryPart, envelope: Envelope): Promise<Trouble> {
    const { epoch } = envelope;
    const before = this.loading;
    // A copy of an older snapshot among the parts of this one.
    if (before && part.number < before.number && epoch <= before.epoch) return null;
    const same = this.continues(part);
    if (part.part === 0 && !(same && before!.checksums[0] === part.checksum)) await this.begin(part, epoch);
    else if (!same) return this.refuseSnapshot();
    const loading = this.loading!;
    loading.epoch = Math.max(loading.epoch, epoch);
    const { checksums } = loading;
    if (checksums[part.part] === part.checksum) return null;
    if (part.part !== checksums.length) return this.refuseSnapshot();
    checksums.push(part.checksum);
    const place = checksums.length === part.parts ? placeOf(loading, part, envelope) : undefined;
    await loading.model.apply([part.state], part.version, place);
    if (place) this.goLive(loading, place);
    return null;
  }

  private async begin(part: EntryPart, epoch: number): Promise<void> {
    const { number, version, link, run } = part;
    await this.loading?.model.close();
    this.loading = null;
    const model = await this.open(part);
    this.loading = { number, version, link, run, model, epoch, checksums: [] };
  }

  private goLive({ model, checksums }: Loading<M>, { link, ...place }: KeptPlace): void {
    const { number, epoch } = place;
    this.loading = null;
    this.begun = { number, checksums };
    this.known.set(number, { link, epoch });
    this.live = { model, ...place };
  }

  private async open(part: EntryPart): Promise<M> {
    try {
      return await this.options.open(part.spec, part.run, snapshotBytes(part));
    } catch (error) {
      this.refuseSnapshot();
      throw error;
    }
  }

  /** Whether a part belongs to the snapshot being loaded: a later writer's part has the same bytes. */
  private continues({ number, version, link }: EntryPart): boolean {
    const { loading } = this;
    return loading?.number === number && loading.version === version && loading.link === link;
  }

  /** A snapshot that appears while deltas are followed contains nothing new, unless the log has diverged. */
  private laterSnapshot(part: EntryPart, { epoch }: Envelope, live: Live<M>): Trouble {
    const { number } = part;
    const last = part.part === part.parts - 1;
    if (number > live.number) return last ? this.gap(live, true) : null;
    const writer = this.known.get(number)?.epoch ?? live.epoch;
    if (epoch <= writer) return null;
    if (!this.isOurs(part)) return this.trouble("conflict");
    if (last) this.repeat(number, epoch, live);
    return null;
  }

  /** Whether a snapshot equals what was applied up to its number. */
  private isOurs({ number, part, checksum, link }: EntryPart): boolean {
    if (number > 0) return this.known.get(number)?.link === link;
    return this.begun?.number === 0 && this.begun.checksums[part] === checksum;
  }

  private async delta(entry: WholeEntry, live: Live<M>): Promise<WholeEntry | Trouble> {
    const { branches, counters, change } = this.options;
    if (branches.isRefused(`${entry.number}:${entry.link}`)) {
      counters.ignored++;
      return null;
    }
    if (entry.number <= live.number) return this.repeated(entry, live);
    if (entry.number > live.number + 1) return this.gap(live, false);
    if (entry.previous !== this.known.get(live.number)!.link) return this.otherPast(entry);
    const place = { ...placeAfter(entry, live), link: entry.link };
    await change(async () => {
      const states = entry.parts.map(({ state }) => state);
      await live.model.apply(states, entry.version, place);
      this.advance(place, live);
    });
    this.count(entry);
    return entry;
  }

  private count({ number, epoch }: WholeEntry): void {
    const { counters, counted } = this.options;
    if (number <= counted.number && epoch <= counted.epoch) return;
    counters.applied++;
    Object.assign(counted, { number, epoch });
  }

  /**
   * Entries are missing between the last applied one and a new one.
   * @param helps the new one is a snapshot, from which to start over
   */
  private gap(live: Live<M>, helps: boolean): Trouble {
    const missing = live.number + 1;
    if (missing !== this.options.lost) return this.trouble("gap");
    this.missing = missing;
    return helps ? "gap" : null;
  }

  private advance({ link, ...place }: KeptPlace, live: Live<M>): void {
    const { number, epoch } = place;
    Object.assign(live, place);
    this.known.set(number, { link, epoch });
    this.known.delete(number - REMEMBERED);
    this.missing = null;
  }

  /** An entry that does not follow ours: its writer diverged, at the entry before it or earlier. */
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
      this.repeat(number, epoch, live);
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

  /** Counts a duplicate; from now on the entry belongs to its latest writer. */
  private repeat(number: number, epoch: number, live: Live<M>): void {
    const { counters, counted } = this.options;
    counters.duplicates++;
    const ours = this.known.get(number)!;
    ours.epoch = Math.max(ours.epoch, epoch);
    if (number === live.number) live.epoch = ours.epoch;
    if (number === counted.number) counted.epoch = Math.max(counted.epoch, epoch);
  }

  private trouble(kind: "gap" | "conflict"): Trouble {
    this.options.counters[kind === "gap" ? "gaps" : "conflicts"]++;
    return kind;
  }
}

/** Bytes of a snapshot's weights in f32, judged by its first part: all parts but the last have about as many. */
function snapshotBytes({ state, parts }: EntryPart): number {
  const arrays = [...state.tables.map(({ weights }) => weights), ...state.dense.map(({ data }) => data)];
  return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0) * Math.max(1, parts - 1);
}

/** The log position of a snapshot with this last part. */
function placeOf(loading: Loading<unknown>, { times, held }: EntryPart, { sent }: Envelope): KeptPlace {
  const { run, number, version, link, epoch, checksums } = loading;
  const own = link === NO_LINK ? linkOf(checksums) : link;
  return { run, number, version, epoch, sent, newestEvent: newest(times), held: held ?? null, link: own };
}

function placeAfter(
  { number, version, epoch, sent, times, held }: WholeEntry,
  { run, newestEvent }: LogPlace,
): LogPlace {
  return { run, number, version, epoch, sent, newestEvent: newest(times, newestEvent), held };
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
