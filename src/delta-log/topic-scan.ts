import type { FollowFrom } from "./delta-log.js";
import { type EntryPart, readFacts } from "./entry.js";
import { type Envelope, openFrames } from "./frame.js";
import type { TopicMessage } from "./topic-source.js";
import { WriterEpochs } from "./writer-epochs.js";

type Facts = Omit<EntryPart, "state"> & Envelope;

/** What a message holds, when it is one whole and sound frame; else null. */
export function factsOf(value: Uint8Array): Facts | null {
  try {
    const [{ body, epoch, sent }, ...more] = openFrames(value);
    return more.length === 0 ? { ...readFacts(body), epoch, sent } : null;
  } catch {
    return null;
  }
}

interface Snapshot {
  readonly number: number;
  readonly epoch: number;
  /** Of its first part. */
  readonly offset: bigint;
}

/** The entries of one model in the messages that were looked at. */
class RunScan {
  readonly branches = new WriterEpochs();
  /** Snapshots all of whose parts lie here in their order. */
  readonly snapshots: Snapshot[] = [];
  readonly deltas = new Map<string, { readonly number: number; readonly epoch: number }>();
  private readonly names = new Set<string>();
  private readonly open = new Map<string, Snapshot & { readonly checksums: string[] }>();
  newest = 0n;

  /** More than one entry: a log, and not one stray copy of an entry. */
  get isLog(): boolean {
    return this.names.size > 1;
  }

  add(facts: Facts, offset: bigint): void {
    const { kind, number, epoch } = facts;
    this.branches.note(epoch, number);
    this.names.add(`${kind}/${number}`);
    this.newest = offset;
    if (kind === "delta") this.deltas.set(`${number}/${epoch}`, { number, epoch });
    else this.snapshotPart(facts, offset);
  }

  /** The highest number that is accepted; of equal ones the latest writer's, where it lies first. */
  best(from: FollowFrom): Snapshot | undefined {
    return this.snapshots
      .filter(({ number, epoch }) => !this.branches.isDead(epoch, number))
      .sort((a, b) => b.number - a.number || b.epoch - a.epoch || Number(a.offset - b.offset))
      .find((snapshot) => from.accepts(snapshot));
  }

  /** Whether what follows the snapshot is here, too, as far as there is any: it is no copy of a snapshot long gone by. */
  isFollowed({ number }: Snapshot): boolean {
    if (!this.isLog) return false;
    const later = [...this.deltas.values()].filter((delta) => {
      return delta.number > number && !this.branches.isDead(delta.epoch, delta.number);
    });
    return later.length === 0 || later.some((delta) => delta.number === number + 1);
  }

  private snapshotPart({ number, epoch, version, part, parts, checksum }: Facts, offset: bigint): void {
    const key = `${number}/${epoch}/${version}/${parts}`;
    let open = this.open.get(key);
    if (open?.checksums[part] === checksum) return;
    if (part === 0) open = { number, epoch, offset, checksums: [] };
    if (open?.checksums.length !== part) return;
    open.checksums.push(checksum);
    this.open.set(key, open);
    if (open.checksums.length < parts) return;
    this.snapshots.push(open);
    this.open.delete(key);
  }
}

/** What lies in a stretch of the topic, up to its end: where to begin. */
export class TopicScan {
  private readonly runs = new Map<string, RunScan>();

  add({ offset, value }: TopicMessage): void {
    const facts = value && factsOf(value);
    if (!facts) return;
    const run = this.runs.get(facts.run) ?? new RunScan();
    this.runs.set(facts.run, run);
    run.add(facts, offset);
  }

  /**
   * Offset of the snapshot to begin with; null where it lies further back.
   * @param all nothing lies further back
   */
  newestSnapshot(from: FollowFrom, all: boolean): bigint | null {
    const wanted = [...this.runs].flatMap(([name, run]) => (from.run === null || from.run === name ? [run] : []));
    wanted.sort((a, b) => Number(b.isLog) - Number(a.isLog) || Number(b.newest - a.newest));
    for (const run of wanted) {
      const best = run.best(from);
      if (best && (all || run.isFollowed(best))) return best.offset;
      if (!all) return null;
    }
    return null;
  }
}
