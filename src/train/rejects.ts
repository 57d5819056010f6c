import type { DeadLetter } from "../sources/kafka/dead-letter.js";
import type { RejectSample } from "./report.js";
import type { RejectedRow } from "./stream.js";

/** What is told of rejected events: by code, in the order of codes, the first one. */
export function rejectSamples(firsts: ReadonlyMap<string, RejectedRow>): Record<string, RejectSample> {
  const list = [...firsts].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(list.map(([code, reject]) => [code, sampleOf(reject)]));
}

function sampleOf({ file, row, column, value, expected }: RejectedRow): RejectSample {
  return { file, row, column: column || null, value, expected };
}

/** `ads.tsv:2: click: bad_label: "yes", expected 1 (positive), or 0 or -1`. */
export function sampleText(code: string, { file, row, column, value, expected }: RejectSample): string {
  const place = [row > 0 ? `${file}:${row}` : file, ...(column ? [column] : []), code].join(": ");
  const found = value === null ? "" : value === "" ? "nothing there, " : `${column ? JSON.stringify(value) : value}, `;
  return `${place}: ${found}expected ${expected}`;
}

export function rejectText(reject: RejectedRow): string {
  return sampleText(reject.code, sampleOf(reject));
}

/** What goes to a dead-letter topic of rejected messages. */
export function lettersOf(rejects: readonly RejectedRow[]): DeadLetter[] {
  return rejects.flatMap((reject) => {
    const { code, message } = reject;
    return message ? { code, reason: rejectText(reject), message } : [];
  });
}
