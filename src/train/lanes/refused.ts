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
    throw new HashbrookError("usage", "--lane: only for processes that share the lanes of a topic", {
      hint: "give --kafka, --topic and --lanes (or train.lanes in the spec)",
    });
  if (job.spec.lanes && job.topic) refuseTopic(job, serves);
  if (owners !== null) refuseForOwners(job, owners);
}

function refuseForOwners({ spec, publish }: Job, owners: number): void {
  const shards = mostShards(spec);
  if (shards < owners)
    throw new HashbrookError("usage", `--owners ${owners}: no table has that many shards (tables.NAME.shards)`, {
      hint: `set shards: ${owners} or more for a large table in the spec: owners hold whole shards of hash and exact tables`,
    });
  if (publish !== null)
    throw new HashbrookError(
      "usage",
      "--publish cannot be combined with --owners: the writer of the delta log must hold all rows",
      {
        hint: "train without --owners, or serve the checkpoints",
      },
    );
}

function refuseTopic(job: Job, serves: boolean): void {
  const { spec, clicks, topic, initFrom, initTables, freeze, publish, limit } = job;
  const why: readonly (readonly [boolean, string, string])[] = [
    [
      spec.lanes!.staleness > 0,
      "train.staleness: 1 is only supported for files",
      "leave it out where lanes read a topic",
    ],
    [
      clicks !== null,
      "--clicks-topic: not supported with lanes, since the join needs all impressions in one order",
      "train without lanes, or from events that have labels",
    ],
    [
      spec.negative_sampling !== undefined,
      "train.negative_sampling: not supported with lanes, since sampling needs all events in one order",
      "remove it, or train without lanes",
    ],
    [
      spec.calibration?.by !== undefined,
      "calibration.by: not supported with lanes, which do not exchange the ids of each event",
      "calibrate without slices",
    ],
    [
      spec.tables.some(({ nested }) => nested !== undefined),
      "tables.NAME.nested: not supported with lanes, which do not exchange the ids of each event",
      "remove nested, or train without lanes",
    ],
    [
      initFrom !== null || initTables !== null || freeze !== null,
      "--init-from, --init-table, --freeze: not supported with lanes",
      "train without lanes",
    ],
    [
      publish !== null && topic!.stop === null,
      "--publish: not supported for lanes without an end, since such a run cannot be repeated exactly",
      "add --until, or train without lanes",
    ],
    [
      spec.gate !== undefined,
      "gate: not supported with lanes, which do not exchange the values of each event",
      "remove it, or train without lanes",
    ],
    [
      spec.metrics?.group !== undefined,
      "metrics.group: not supported with lanes, which do not exchange the ids of each event",
      "remove it, and use hashbrook eval --group-auc",
    ],
    [serves, "--serve: not supported with lanes of a topic", "serve the directory: hashbrook serve --checkpoint"],
    [limit !== null, "--limit: not supported with lanes, which read whole rounds", "use --until"],
  ];
  const found = why.find(([is]) => is);
  if (found) throw new HashbrookError("usage", found[1], { hint: found[2] });
}
