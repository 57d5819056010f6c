import { systemClock } from "../../core/clock.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { Membership } from "../../sources/kafka/membership.js";
import type { Job } from "../job.js";
import { type Learner, Replica, Writer } from "./learner.js";
import { isOwn, type LaneShare, type LanesOptions } from "./options.js";
import { NO_OWNERS, type RowTraffic } from "./owners/traffic.js";
import { LocalRounds, type Rounds } from "./rounds.js";

/** What a process of a run of lanes works with. */
export interface Opened {
  readonly learner: Learner;
  readonly log: KafkaLog;
  readonly rounds: Rounds;
  readonly traffic: RowTraffic;
}

/** Every process reads all partitions, and joins no group. */
const NO_MEMBER: Membership = { id: null, named: () => {} };

/** @throws as `Trainer.open` and topics */
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

/** The rest of what is opened beside a learner, which is closed where that fails. */
export async function opened(learner: Learner, open: () => Promise<Omit<Opened, "learner">>): Promise<Opened> {
  try {
    return { learner, ...(await open()) };
  } catch (error) {
    await learner.close();
    throw error;
  }
}

/**
 * The topic of events. If it has an end, only the partitions of the process's own lanes are read, until it takes over another lane. Without an
 * end, the events of any lane begin a round, so all partitions are read.
 */
export async function eventLog({ topic: spec, spec: { lanes } }: Job, share: LaneShare | null): Promise<KafkaLog> {
  const { KafkaLog } = await import("../../sources/kafka/kafka-log.js");
  const { kafka, topic, client, onLost, stop } = spec!;
  const only = share && stop ? (partition: number) => isOwn(share, partition % lanes!.count) : undefined;
  return KafkaLog.join({ kafka, topic, group: null, client, onLost, only, membership: NO_MEMBER });
}

/** The topic of rounds. */
export function roundsTopicOf({ topic }: Job, name: string | null): string {
  const { topic: events, group } = topic!;
  return name ?? (group === null ? `${events}.rounds` : `${events}.rounds.${group}`);
}

export async function kafkaRounds(job: Job, name: string | null) {
  const { KafkaRounds } = await import("./kafka-rounds.js");
  return KafkaRounds.open(job.topic!, roundsTopicOf(job, name), job.spec.lanes!.count);
}
