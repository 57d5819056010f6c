import { setTimeout as sleep } from "node:timers/promises";
import { HashbrookError } from "../../core/errors.js";
import { specHash } from "../../spec/hash.js";
import type { Job } from "../job.js";
import type { LaneRecord } from "./record.js";

/** Settings that all processes of a run agree on before they begin. */
export interface RoundsPlan {
  readonly spec_hash: string;
  /** First and stop offsets (exclusive; null: no end) by partition, in decimal digits. */
  readonly offsets: readonly string[];
  readonly stops: readonly string[] | null;
  /** Rounds grow during warm-up; absent: they do not, since an older version began the run. */
  readonly grows?: true;
  /** Owners hold the shards of tables; absent if every process holds all of them. */
  readonly owners?: true;
}

/** Exchange of the lanes' records. Of several records with the same lane and round, the first counts. */
export interface Rounds {
  /**
   * Returns the plan of whichever process proposed one first; null: stopped before there was one.
   * @throws HashbrookError offsets_lost if the first messages of the rounds topic were deleted
   */
  agree(propose: () => Promise<RoundsPlan>, stop: AbortSignal): Promise<RoundsPlan | null>;
  send(record: LaneRecord): Promise<void>;
  /** The records of a round that have arrived, by lane; drops those of earlier rounds. */
  of(round: number): ReadonlyMap<number, LaneRecord>;
  /** Whether a lane has unread messages, which may include its record of the current round. */
  isUnread(lane: number): boolean;
  /** Waits for new messages, at most `milliseconds`. */
  wait(milliseconds: number): Promise<void>;
  /** True once the run's last checkpoint is durable: owners are not needed any more. */
  readonly over: boolean;
  /** Tells all processes that the last checkpoint is durable. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Rounds of a single process that works all lanes; they stay in memory. */
export class LocalRounds implements Rounds {
  readonly over: boolean = false;
  private known = new Map<number, LaneRecord>();

  agree(propose: () => Promise<RoundsPlan>): Promise<RoundsPlan> {
    return propose();
  }

  async send(record: LaneRecord): Promise<void> {
    if (!this.known.has(record.lane)) this.known.set(record.lane, record);
  }

  of(round: number): ReadonlyMap<number, LaneRecord> {
    for (const [lane, record] of this.known) if (record.round < round) this.known.delete(lane);
    return this.known;
  }

  isUnread(): boolean {
    return false;
  }

  async wait(milliseconds: number): Promise<void> {
    await sleep(Math.min(1, milliseconds));
  }

  async end(): Promise<void> {}

  async close(): Promise<void> {}
}

/** The records of all lanes, in lane order. */
export const inOrder = (known: ReadonlyMap<number, LaneRecord>): LaneRecord[] =>
  Array.from({ length: known.size }, (_, lane) => known.get(lane)!);

/**
 * @throws HashbrookError log_mismatch if the plan is of another spec than this job, if only one of them has an end, or
 * only one has owners
 */
export function refuseOtherRun({ stops, ...plan }: RoundsPlan, { spec, topic }: Job, hasOwners: boolean): void {
  if (plan.spec_hash !== specHash(spec)) throw otherSpec(plan.spec_hash, specHash(spec));
  const ends = (stops === null) === (topic!.stop === null);
  const owners = plan.owners === true;
  if (ends && owners === hasOwners) return;
  const end = stops === null ? "has no end, but --until is given" : "has an end, but --until is not given";
  const what = ends ? `has ${owners ? "" : "no "}owners, but --owners is ${owners ? "not " : ""}given` : end;
  throw new HashbrookError("log_mismatch", `the rounds topic belongs to a run that ${what}`, {
    hint: "start all processes with the same flags, and use another --rounds-topic for a run with different ones",
  });
}

function otherSpec(theirs: string, ours: string): HashbrookError {
  return new HashbrookError(
    "log_mismatch",
    `the rounds topic belongs to a run of spec ${theirs}, this spec is ${ours}`,
    {
      hint: "use the same spec in all processes of a run, and a separate --rounds-topic for every run",
    },
  );
}
