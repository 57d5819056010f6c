import { systemClock } from "../../core/clock.js";
import { closeQuietly } from "../../core/closing.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { Membership } from "../../sources/kafka/membership.js";
import type { Job } from "../job.js";
import { type Learner, Replica, Writer } from "./learner.js";
import { isOwn, type LaneShare, type LanesOptions } from "./options.js";
import { NO_OWNERS, type RowTraffic } from "./owners/traffic.js";
import { LocalRounds, type Rounds } from "./rounds.js";

/** The parts that a process of a run with lanes consists of. */
export interface Opened {
  readonly learner: Learner;
  readonly log: KafkaLog;
  readonly rounds: Rounds;
  readonly traffic: RowTraffic;
}

/** No process joins a consumer group, since lanes determine who reads which partitions. */
const NO_MEMBER: Membership = { id: null, named: () => {} };

/** @throws HashbrookError as `Trainer.open`, `Replica.open`, `KafkaLog.join` and `KafkaRounds.open` */
export async function openParts(job: Job, options: LanesOptions, stop: AbortSignal): Promise<Opened> {
  if (options.owners) {
    const { openLane, openOwner } = await import("./owners/opening.js");
    return options.owners.number === null ? openLane(job, options, stop) : openOwner(job, options);
  }
  const { share } = options;
  const learner = (share?.number ?? 0) === 0 ? await Writer.open(job, systemClock, stop) : await Replica.open(job);
  return opened(learner, async () => {
    const log = await eventLog(job, share);
    const rounds = share ? await kafkaRounds(job, options.roundsTopic) : new LocalRounds();
    return { log, rounds, traffic: NO_OWNERS };
  });
}

/** Opens the other parts beside a learner; if that fails, closes the learner and rethrows. */
export async function opened(learner: Learner, open: () => Promise<Omit<Opened, "learner">>): Promise<Opened> {
  try {
    return { learner, ...(await open()) };
  } catch (error) {
    await closeQuietly(learner);
    throw error;
  }
}

/**
 * Opens the topic of events. Only the partitions of the process's own lanes are read, until it takes over another lane.
 * Without an end, the events of any lane begin a round, so the ends of the other partitions are requested.
 */
export async function eventLog({ topic: spec, spec: { lanes } }: Job, share: LaneShare | null): Promise<KafkaLog> {
  const { KafkaLog } = await import("../../sources/kafka/kafka-log.js");
  const { kafka, topic, client, onLost, stop } = spec!;
  const only = share ? (partition: number) => isOwn(share, partition % lanes!.count) : undefined;
  return KafkaLog.join({ kafka, topic, group: null, client, onLost, only, asksEnds: !stop, membership: NO_MEMBER });
}

/** Name of the rounds topic. Default: `TOPIC.rounds.GROUP`, or `TOPIC.rounds` without a consumer group. */
export function roundsTopicOf({ topic }: Job, name: string | null): string {
  const { topic: events, group } = topic!;
  return name ?? (group === null ? `${events}.rounds` : `${events}.rounds.${group}`);
}

export async function kafkaRounds(job: Job, name: string | null) {
  const { KafkaRounds } = await import("./kafka-rounds.js");
  return KafkaRounds.open(job.topic!, roundsTopicOf(job, name), job.spec.lanes!.count);
}
