import { defaultSnapshotEvery } from "./defaults.js";
import type { DeltaSink } from "./delta-log.js";
import { checksumOf, type EntryFacts, encodePart, linkOf, NO_LINK } from "./entry.js";
import type { Precision } from "./precision.js";
import type { Packed, Publishable } from "./state.js";
import { sampleEvenly } from "./times.js";

export interface PublisherOptions {
  readonly sink: DeltaSink;
  /** The model's compiled spec (plain JSON) and its hash; replicas need nothing else. */
  readonly spec: unknown;
  readonly run: string;
  /** Precision of rows' weights. Default "f32": a replica predicts with the trainer's bits. */
  readonly precision?: Precision | undefined;
  /** Most deltas between snapshots: see `Publisher`. Default 600. */
  readonly snapshotEvery?: number | undefined;
  /** Publication may be held: the state then includes what was published last. Default false. */
  readonly gated?: boolean | undefined;
  /** Approximate size of a part in bytes. Default 512 KiB. */
  readonly partBytes?: number | undefined;
}

/** A publisher's state in a checkpoint. */
export interface PublisherState {
  /** Number of the last entry, -1 before the first. */
  readonly number: number;
  /** Link of the last entry: the next one names it, so that an entry is never applied to another predecessor. */
  readonly link: string;
  /**
   * What was learned since the previous entries was not published and will not be: this number stands for it. Followers
   * miss an entry, and start over with the snapshot after the next one.
   */
  readonly unpublished?: true;
  /** Examples at the last publication; present only if publication may be held. */
  readonly version?: number;
}

/**
 * The state after changes that no entry tells of: followers start over with the snapshot after the next one. Further
 * such changes leave it as it is.
 */
export function afterUnpublished(state: PublisherState): PublisherState {
  if (state.number < 0 || (state.unpublished && state.link === NO_LINK)) return state;
  return { ...state, number: state.number + 1, link: NO_LINK, unpublished: true };
}

/** Least number of deltas between snapshots that are due because of the deltas' size. */
const LEAST_DELTAS = 60;

/**
 * Numbers and writes the delta log of one model. The first entry (number 0) is a snapshot. Entry n contains the rows
 * that changed since entry n - 1; a snapshot with number n contains everything learned up to entry n. After a resume
 * from a checkpoint the same changes give the same numbers and bytes. A snapshot is due after `snapshotEvery` deltas,
 * and as soon as the deltas after the last one (60 at least) have as many bytes as it had: small models get them more
 * often, because a follower that lost an entry waits for one.
 */
export class Publisher {
  private readonly options: PublisherOptions;
  private readonly snapshotEvery: number;
  private last: PublisherState = { number: -1, link: NO_LINK };
  private asked = false;
  /** Examples at the last publication. */
  private version = 0;
  /** Number of this publisher's last snapshot; and its size, if it was written. */
  private snapshotNumber = 0;
  private snapshotBytes = Number.POSITIVE_INFINITY;
  /** Size of the deltas after it. */
  private deltaBytes = 0;

  constructor(options: PublisherOptions) {
    this.options = options;
    this.snapshotEvery = options.snapshotEvery ?? defaultSnapshotEvery;
  }

  state(): PublisherState {
    return this.options.gated ? { ...this.last, version: this.version } : this.last;
  }

  restore(state: PublisherState): void {
    this.last = state;
    this.version = state.version ?? this.version;
    this.asked = state.unpublished ?? false;
  }

  /** Drops what was not published yet, and the entries up to `number`. */
  giveUp(number: number): void {
    this.restore({ number, link: NO_LINK, unpublished: true });
  }

  /** Requests a snapshot after the next entry. */
  askForSnapshot(): void {
    this.asked = true;
  }

  /**
   * Writes the next entry. The model must not learn until the promise resolves.
   * @param version examples learned
   * @param times event times (ms) of what was learned since the last entry; 64 of them are sent
   * @param changed the rows of each store that changed since the last entry
   * @returns the entry's number
   */
  async publish(
    model: Publishable,
    version: number,
    times: readonly number[],
    changed: readonly Uint32Array[],
  ): Promise<number> {
    const number = this.last.number + 1;
    const { sink, partBytes } = this.options;
    const sampled = sampleEvenly(times);
    const said = { kind: "delta" as const, number, version, link: this.last.link };
    let link: string = NO_LINK;
    if (number > 0) {
      const bodies = [...this.bodies({ ...said, times: sampled }, model.pack(changed, partBytes))];
      link = linkOf(bodies.map(checksumOf));
      this.deltaBytes += bodies.reduce((sum, { length }) => sum + length, 0);
      await sink.append({ ...said, parts: bodies.length, bodies: () => bodies });
    }
    if (this.snapshotDue(number) || (await sink.needsSnapshot())) {
      const packed = model.pack("all", partBytes);
      const facts = { ...said, kind: "snapshot" as const, link, times: number === 0 ? sampled : [] };
      if (number === 0) link = linkOf(checksums(this.bodies(facts, packed)));
      await sink.append({ ...facts, parts: packed.parts, bodies: () => this.measured(this.bodies(facts, packed)) });
      this.asked = false;
      this.snapshotNumber = number;
      this.deltaBytes = 0;
    }
    this.last = { number, link };
    this.version = version;
    return number;
  }

  /**
   * Writes an entry without changes that gives the reason why changes since the last one are withheld.
   * @param held a text for people
   */
  async publishHeld(held: string): Promise<void> {
    const { sink, run, precision = "f32" } = this.options;
    const number = this.last.number + 1;
    const said = { kind: "delta" as const, number, version: this.version, link: this.last.link };
    const facts = { ...said, run, precision, part: 0, parts: 1, times: [], spec: null, held };
    const body = encodePart(facts, { tables: [], dense: [], statistics: null });
    await sink.append({ ...said, parts: 1, bodies: () => [body] });
    this.last = { number, link: linkOf([checksumOf(body)]), ...(this.asked ? { unpublished: true } : {}) };
  }

  private snapshotDue(number: number): boolean {
    if (number === 0 || this.asked || number % this.snapshotEvery === 0) return true;
    return number - this.snapshotNumber >= LEAST_DELTAS && this.deltaBytes >= this.snapshotBytes;
  }

  /** The same bodies, whose size is recorded. */
  private *measured(bodies: Iterable<Uint8Array>): Generator<Uint8Array> {
    let bytes = 0;
    for (const body of bodies) {
      bytes += body.length;
      this.snapshotBytes = bytes;
      yield body;
    }
  }

  /** The parts of an entry; times and spec are in the first. */
  private *bodies(
    said: Pick<EntryFacts, "kind" | "number" | "version" | "link" | "times">,
    { parts, states }: Packed,
  ): Generator<Uint8Array> {
    const { run, spec, precision = "f32" } = this.options;
    let part = 0;
    for (const state of states()) {
      const first =
        part === 0 ? { times: said.times, spec: said.kind === "snapshot" ? spec : null } : { times: [], spec: null };
      yield encodePart({ ...said, run, parts, precision, part, ...first }, state);
      part++;
    }
  }
}

function* checksums(bodies: Iterable<Uint8Array>): Generator<string> {
  for (const body of bodies) yield checksumOf(body);
}
