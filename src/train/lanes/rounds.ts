import { setTimeout as sleep } from "node:timers/promises";
import { HashbrookError } from "../../core/errors.js";
import type { Job } from "../job.js";
import type { LaneRecord } from "./record.js";

/** What all processes of a run agree on before they begin. */
export interface RoundsPlan {
  readonly spec_hash: string;
  /** Where the topic is begun, and where it ends (null: never), by partition. */
  readonly offsets: readonly string[];
  readonly stops: readonly string[] | null;
  /** Rounds grow at the start of a run; absent where the run was begun by a version whose rounds were all whole. */
  readonly grows?: true;
  /** Owners hold the shards of tables; absent where every process holds all of them. */
  readonly owners?: true;
}

/** Where lanes tell of their rounds: of several records of a lane and round, the first counts. */
export interface Rounds {
  /** Takes this plan, or that of whoever came first; null: stopped before there was one. @throws offsets_lost */
  agree(propose: () => Promise<RoundsPlan>, stop: AbortSignal): Promise<RoundsPlan | null>;
  send(record: LaneRecord): Promise<void>;
  /** What is known of a round, by lane; what was told of earlier ones is passed over. */
  of(round: number): ReadonlyMap<number, LaneRecord>;
  /** More was told of a lane than is read yet: what it brings to a round may be there. */
  isUnread(lane: number): boolean;
  /** Until there is news, or so long. */
  wait(milliseconds: number): Promise<void>;
  /** The run's last checkpoint is durable, and owners are not needed any more. */
  readonly over: boolean;
  /** Says so. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** One process that works all lanes. */
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

/** @throws log_mismatch where the run that the plan is of ends or has owners, and this one would not, or the other way round */
export function refuseOtherRun({ stops, ...plan }: RoundsPlan, { topic }: Job, hasOwners: boolean): void {
  const ends = (stops === null) === (topic!.stop === null);
  const owners = plan.owners === true;
  if (ends && owners === hasOwners) return;
  const end = stops === null ? "has no end, and --until is given" : "ends, and --until is not given";
  const what = ends ? `has ${owners ? "" : "no "}owners, and --owners is ${owners ? "not " : ""}given` : end;
  throw new HashbrookError("log_mismatch", `the topic of rounds is of a run that ${what}`, {
    hint: "give all processes the same flags, and a run that goes on otherwise another --rounds-topic",
  });
}
