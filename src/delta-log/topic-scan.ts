import type { FollowFrom } from "./delta-log.js";
import { type EntryPart, readFacts } from "./entry.js";
import { type Envelope, openFrames } from "./frame.js";
import type { TopicMessage } from "./topic-source.js";
import { WriterEpochs } from "./writer-epochs.js";

type Facts = Omit<EntryPart, "state"> & Envelope;

/** The facts of a message that is one complete, intact frame; else null. */
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
  /** Offset of its first part. */
  readonly offset: bigint;
}

/** The entries of one model among the messages examined. */
class RunScan {
  readonly branches = new WriterEpochs();
  /** Snapshots with all their parts, in order. */
  readonly snapshots: Snapshot[] = [];
  readonly deltas = new Map<string, { readonly number: number; readonly epoch: number }>();
  private readonly names = new Set<string>();
  private readonly open = new Map<string, Snapshot & { readonly checksums: string[] }>();
  newest = 0n;

  /** True for more than one entry: a log, and not a stray copy of an entry. */
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

  /** The accepted snapshot with the highest number; among equal ones the latest writer's first. */
  best(from: FollowFrom): Snapshot | undefined {
    return this.snapshots
      .filter(({ number, epoch }) => !this.branches.isDead(epoch, number))
      .sort((a, b) => b.number - a.number || b.epoch - a.epoch || Number(a.offset - b.offset))
      .find((snapshot) => from.accepts(snapshot));
  }

  /**
   * Whether the entries after the snapshot are here, too, if there are any: otherwise it is a copy of an old snapshot.
   */
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

/** The content of a topic from some offset to its end, to find out where to begin. */
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
   * Offset of the snapshot to begin with; null if it is further back.
   * @param all nothing is further back
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
