import type { MessagePrint } from "../messages.js";
import type { KafkaOptions } from "./client.js";

export interface TopicLogOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  readonly group: string;
  /** The first offset wanted of every partition. */
  readonly offsets: readonly bigint[];
  /** The last message before it that was learned, null or absent where none was: where it is another one now, so is the topic. */
  readonly last: readonly (MessagePrint | null)[];
  /** What to do where these were deleted by the topic's retention. */
  readonly onLost: OnLost;
  /** The member a process that died had been, to be told to leave at once: else the group waits for it. */
  readonly formerMember: string | null;
  /** Called with the member id whenever this process has joined the group. */
  readonly onJoin: (member: string) => void;
}

/** Where messages were deleted unlearned: end with `offsets_lost`, or go on at the first or behind the last one there is. */
export type OnLost = "stop" | "earliest" | "latest";
