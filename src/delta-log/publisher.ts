import { defaultSnapshotEvery } from "./defaults.js";
import type { DeltaSink } from "./delta-log.js";
import { checksumOf, type EntryFacts, encodePart, linkOf, NO_LINK } from "./entry.js";
import type { Precision } from "./precision.js";
import type { Packed, Publishable } from "./state.js";
import { sampleEvenly } from "./times.js";

export interface PublisherOptions {
  readonly sink: DeltaSink;
  /** The model's compiled spec (plain JSON) and its hash: replicas need nothing else. */
  readonly spec: unknown;
  readonly run: string;
  /** How rows' weights travel. Default "f32": a replica predicts the trainer's bits. */
  readonly precision?: Precision | undefined;
  /** Deltas between snapshots, at most: see `Publisher`. Default 600. */
  readonly snapshotEvery?: number | undefined;
  /** Publishing may be held: the state tells what was published last. Default false. */
  readonly gated?: boolean | undefined;
  /** Bytes of a part, about. Default 512 KiB. */
  readonly partBytes?: number | undefined;
}

/** What a checkpoint keeps of a publisher. */
export interface PublisherState {
  /** Of the last entry, -1 before the first. */
  readonly number: number;
  /** Of the last entry: the next one names it, so that no entry is ever put on another past than its own. */
  readonly link: string;
  /**
   * What was learned since the entries before could not be published, nor will be: this number stands for it. Followers miss an
   * entry, and begin anew with the snapshot after the next one.
   */
  readonly unpublished?: true;
  /** Examples of what was published last; there only where publishing may be held. */
  readonly version?: number;
}

/** Deltas between snapshots at least, where it is not for their number that one is due. */
const LEAST_DELTAS = 60;

/**
 * Numbers and writes the delta log of one model. The first entry (number 0) is a snapshot. Entry n is made of the rows that
 * changed since entry n - 1; a snapshot with the number n has all that was learned up to entry n. After a resume from a
 * checkpoint the same changes give the same numbers and bytes. A snapshot is due after `snapshotEvery` deltas, and as soon as
 * the deltas after the last one (60 at least) have as many bytes as it had: small models have one more often, since a follower
 * that lost an entry waits for it.
 */
export class Publisher {
  private readonly options: PublisherOptions;
  private readonly snapshotEvery: number;
  private last: PublisherState = { number: -1, link: NO_LINK };
  private asked = false;
  /** Examples of what was published last. */
  private version = 0;
  /** Of the last snapshot this publisher wrote; its bytes where they went anywhere. */
  private snapshotNumber = 0;
  private snapshotBytes = Number.POSITIVE_INFINITY;
  /** Of the deltas after it. */
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

  /** Gives up what was not published yet, and the entries up to `number`. */
  giveUp(number: number): void {
    this.restore({ number, link: NO_LINK, unpublished: true });
  }

  /** The next entry will have a snapshot after it. */
  askForSnapshot(): void {
    this.asked = true;
  }

  /**
   * Writes the next entry. The model must not learn until the promise is kept.
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
   * Writes an entry that changes nothing and says why: what was learned since the last one is held back.
   * @param held for people
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

  /** The same bodies; their bytes are noted. */
  private *measured(bodies: Iterable<Uint8Array>): Generator<Uint8Array> {
    let bytes = 0;
    for (const body of bodies) {
      bytes += body.length;
      this.snapshotBytes = bytes;
      yield body;
    }
  }

  /** The parts of an entry; times and spec go into the first. */
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
