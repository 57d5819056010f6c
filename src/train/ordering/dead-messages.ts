import type { Reject } from "../../decode/decoder.js";
import type { DeadMessage } from "../../sources/kafka/dead-letter.js";
import { type MessageParts, partsOf } from "../../sources/kafka/message-parts.js";
import { firstFrom, type Messages } from "../../sources/messages.js";
import type { RejectedRow } from "../rejects/rejects.js";

/** Where rejected messages come from. */
export interface RejectPlace {
  readonly topic: string;
  readonly partition: number;
  readonly messages: Messages;
  /** Whether the whole messages are kept, for a dead-letter topic. */
  readonly whole: boolean;
}

/** Rejects of some messages with their topic's name, and the messages themselves if they are kept. */
export function rejectedMessages(rejects: readonly Reject[], place: RejectPlace): RejectedRow[] {
  const file = `${place.topic}[${place.partition}]`;
  if (!place.whole) return rejects.map((reject) => ({ ...reject, file }));
  return rejects.map((reject) => ({ ...reject, file, message: messageOf(reject, place) }));
}

function messageOf({ offset }: Reject, { topic, partition, messages }: RejectPlace): DeadMessage {
  return { topic, partition, offset, ...copied(partsOf(messages, firstFrom(messages, BigInt(offset)))) };
}

/** Copied, because a view would take its whole buffer along to another thread. */
function copied({ key, value, headers }: MessageParts): MessageParts {
  const copy = (bytes: Uint8Array | null) => bytes && Uint8Array.from(bytes);
  return { key: copy(key), value: copy(value), headers: headers.map(([name, text]) => [name, copy(text)]) };
}
