import type { KafkaOptions } from "./client.js";

export interface KafkaLogOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  readonly group: string;
  /** What to do where messages wanted next were deleted by the topic's retention. */
  readonly onLost: OnLost;
  /** The member a process that died had been, to be told to leave at once: else the group waits for it. */
  readonly formerMember: string | null;
  /** Called with the member id whenever this process has joined the group. */
  readonly onJoin: (member: string) => void;
}

/** Where messages were deleted unlearned: end with `offsets_lost`, or go on at the first or behind the last one there is. */
export type OnLost = "stop" | "earliest" | "latest";
