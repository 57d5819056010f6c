import type { KafkaOptions } from "./client.js";
import type { Membership } from "./membership.js";

/** The client libraries a topic can be read with. */
export const kafkaClients = ["kafkajs", "platformatic"] as const;
export type KafkaClientName = (typeof kafkaClients)[number];

export interface KafkaLogOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  /** null: no group; this process reads every partition, regardless of other readers. */
  readonly group: string | null;
  /** Client library, if there is no group. Default: kafkajs. */
  readonly client?: KafkaClientName | undefined;
  /** What to do if the topic's retention has deleted the next messages to read. */
  readonly onLost: OnLost;
  /** Without a group: selects the partitions to read; `include` adds others later. Default: all. */
  readonly only?: ((partition: number) => boolean) | undefined;
  /** Requests the ends of the partitions that are not read, once a second. Default false: they stay as at the start. */
  readonly asksEnds?: boolean | undefined;
  /**
   * Without a group: brokers respond as soon as there is a message, for topics with few, urgent messages. Default: they
   * collect messages for a moment.
   */
  readonly prompt?: true;
  /** This process's member id in the group, or that of a dead process that it replaces. */
  readonly membership: Membership;
}

/**
 * If messages were deleted before they were learned: end with `offsets_lost`, or continue at the first or after the
 * last one available.
 */
export type OnLost = "stop" | "earliest" | "latest";
