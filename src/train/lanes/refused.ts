import { HashbrookError } from "../../core/errors.js";
import type { Job } from "../job.js";
import { mostShards } from "./owners/split-tables.js";

/** How the job is to be run, beside its own settings. */
interface Asked {
  /** Number of owners that are to hold the shards of tables; null: none. */
  readonly owners: number | null;
  /** Whether several processes are to work the lanes. */
  readonly shared: boolean;
  /** Whether scorers in this process follow the model. */
  readonly serves: boolean;
}

/**
 * Refuses combinations that lanes do not support.
 * @throws HashbrookError usage with the reason, if the job cannot be learned by lanes or with owners
 */
export function refuseForLanes(job: Job, { shared, serves, owners }: Asked): void {
  if (shared && !(job.spec.lanes && job.topic))
    throw new HashbrookError("usage", "--lane: several processes work the lanes of a topic", {
      hint: "give --kafka, --topic and --lanes (or train.lanes in the spec)",
    });
  if (job.spec.lanes && job.topic) refuseTopic(job, serves);
  if (owners !== null) refuseForOwners(job, owners);
}

function refuseForOwners({ spec, publish }: Job, owners: number): void {
  const shards = mostShards(spec);
  if (shards < owners)
    throw new HashbrookError("usage", `--owners ${owners}: no table has so many shards (tables.NAME.shards)`, {
      hint: `give a large table shards: ${owners} or more in the spec: owners hold whole shards of hash and exact tables`,
    });
  if (publish !== null)
    throw new HashbrookError("usage", "--publish: who writes the delta log holds all rows, and owners hold them here", {
      hint: "learn without --owners, or serve the checkpoints",
    });
}

function refuseTopic(job: Job, serves: boolean): void {
  const { spec, clicks, topic, initFrom, initTables, freeze, publish, limit } = job;
  const why: readonly (readonly [boolean, string, string])[] = [
    [spec.lanes!.staleness > 0, "train.staleness: 1 is for files", "leave it away where lanes learn a topic"],
    [
      clicks !== null,
      "--clicks-topic: labels are joined in one order of all impressions",
      "learn without lanes, or from events that have labels",
    ],
    [
      spec.negative_sampling !== undefined,
      "train.negative_sampling: which negatives are learned follows from one order of all events",
      "remove it, or learn without lanes",
    ],
    [
      spec.calibration?.by !== undefined,
      "calibration.by: its slices are found by ids, which lanes do not tell of each event",
      "calibrate without slices",
    ],
    [
      spec.tables.some(({ nested }) => nested !== undefined),
      "nested vectors are measured by every event's ids",
      "remove nested, or learn without lanes",
    ],
    [
      initFrom !== null || initTables !== null || freeze !== null,
      "--init-from, --init-table, --freeze: are for one process",
      "learn without lanes",
    ],
    [
      publish !== null && topic!.stop === null,
      "--publish: a stream that lanes read without an end cannot be repeated alike",
      "add --until, or learn without lanes",
    ],
    [
      spec.gate !== undefined,
      "gate: its windows look at every event's values, which lanes do not tell",
      "remove it, or learn without lanes",
    ],
    [
      spec.metrics?.group !== undefined,
      "metrics.group: its groups are found by ids, which lanes do not tell of each event",
      "remove it, or ask hashbrook eval --group-auc",
    ],
    [serves, "--serve: who works lanes of a topic answers nobody", "serve the directory: hashbrook serve --checkpoint"],
    [limit !== null, "--limit: lanes read whole rounds", "end with --until"],
  ];
  const found = why.find(([is]) => is);
  if (found) throw new HashbrookError("usage", found[1], { hint: found[2] });
}
