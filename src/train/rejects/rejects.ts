import type { RejectedEvent, RejectedWriter } from "../../checkpoints/rejected.js";
import type { Reject } from "../../decode/decoder.js";
import type { DeadLetter, DeadLetterTopic, DeadMessage } from "../../sources/kafka/dead-letter.js";
import type { RejectSample } from "../metrics/report.js";
import { type RetryOptions, retried } from "../workers/retry.js";

/** A malformed row with the file it came from. */
export interface RejectedRow extends Reject {
  readonly file: string;
  /** The complete message with key and headers, if a topic's rejected messages go to another topic. */
  readonly message?: DeadMessage;
}

/** The first rejected event of every code, in the order of codes. */
export function rejectSamples(firsts: ReadonlyMap<string, Sampled>): Record<string, RejectSample> {
  const list = [...firsts].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(list.map(([code, reject]) => [code, sampleOf(reject)]));
}

/** What a sample needs of a rejected event, also of one that was read back. */
type Sampled = Pick<RejectedEvent, "file" | "row" | "offset" | "column" | "value" | "expected">;

/** A topic's messages have no row, only an offset. */
function sampleOf({ file, row, offset, column, value, expected }: Sampled): RejectSample {
  return { file, row: row > 0 ? row : offset, column: column || null, value, expected };
}

/** `ads.tsv:2: click: bad_label: "yes", expected 1 (positive), or 0 or -1`. */
export function sampleText(code: string, { file, row, column, value, expected }: RejectSample): string {
  const place = [`${file}:${row}`, ...(column ? [column] : []), code].join(": ");
  const found = value === null ? "" : value === "" ? "empty, " : `${column ? JSON.stringify(value) : value}, `;
  return `${place}: ${found}expected ${expected}`;
}

export function rejectText(reject: RejectedRow): string {
  return sampleText(reject.code, sampleOf(reject));
}

/** The rejected messages for a dead-letter topic. */
export function lettersOf(rejects: readonly RejectedRow[]): DeadLetter[] {
  return rejects.flatMap((reject) => {
    const { code, message } = reject;
    return message ? { code, reason: rejectText(reject), message } : [];
  });
}

/** Keeps rejected events in the run's directory, and sends them to the dead-letter topic if there is one. */
export async function keepRejects(
  rejects: readonly RejectedRow[],
  file: RejectedWriter,
  deadLetters: DeadLetterTopic | null,
  retry: RetryOptions,
): Promise<void> {
  for (const { bytes, ...reject } of rejects) file.append({ ...reject, raw: bytes });
  if (!deadLetters || rejects.length === 0) return;
  await retried("dead letters", () => deadLetters.send(lettersOf(rejects)), retry);
}
