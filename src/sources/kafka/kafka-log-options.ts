import type { KafkaOptions } from "./client.js";
import type { Membership } from "./membership.js";

/** The libraries that a topic can be read with. */
export const kafkaClients = ["kafkajs", "platformatic"] as const;
export type KafkaClientName = (typeof kafkaClients)[number];

export interface KafkaLogOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  /** null: none, every partition is read here, whoever else reads. */
  readonly group: string | null;
  /** Whose connections a topic is read on without a group. Default: kafkajs. */
  readonly client?: KafkaClientName | undefined;
  /** What to do where messages wanted next were deleted by the topic's retention. */
  readonly onLost: OnLost;
  /** Without a group: the partitions that are read. Default: all. */
  readonly only?: ((partition: number) => boolean) | undefined;
  /** Without a group: the brokers answer as soon as there is a message, where few come and each is waited for. Default: when many are there, or after a moment. */
  readonly prompt?: true;
  /** This process's name in the group, or that of a dead one whose place it takes. */
  readonly membership: Membership;
}

/** Where messages were deleted unlearned: end with `offsets_lost`, or go on at the first or behind the last one there is. */
export type OnLost = "stop" | "earliest" | "latest";
