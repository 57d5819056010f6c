import { HashbrookError } from "../core/errors.js";
import { hex } from "../schema/compiled.js";
import { type Immutable, type Static, Type } from "../schema/typebox.js";
import { validator } from "../schema/validator.js";
import type { Entry } from "./delta-log.js";

/** The only mutable object of a log. */
export const HEAD_KEY = "head.json";
const FORMAT = 1;
/**
 * Snapshots kept; deltas up to the oldest of them are removed. A follower that reads the newest one has time for two
 * more before it is removed.
 */
const KEPT = 3;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Head = Type.Object({
  format: Type.Literal(FORMAT),
  /** Hash of the model's spec. */
  run: hex,
  /**
   * Which writer's entries count, by number: without gaps within a span, and the last one's `to` is the newest entry.
   */
  spans: Type.Array(Type.Object({ epoch: Count, from: Count, to: Count })),
  /** Oldest first. */
  snapshots: Type.Array(Type.Object({ epoch: Count, number: Count })),
});

/** The content of a log of objects. */
export type ObjectHead = Immutable<Static<typeof Head>>;
export type Span = ObjectHead["spans"][number];

const headOf = validator(Head);

/** @throws HashbrookError log_damaged */
export function parseHead(bytes: Uint8Array): ObjectHead {
  try {
    return headOf(JSON.parse(new TextDecoder().decode(bytes)), damaged);
  } catch (error) {
    throw error instanceof HashbrookError ? error : damaged((error as Error).message);
  }
}

export const headBytes = (head: ObjectHead): Uint8Array => new TextEncoder().encode(`${JSON.stringify(head)}\n`);

const damaged = (what: string) => new HashbrookError("log_damaged", `${HEAD_KEY} of the delta log: ${what}`);

/** The newest entry's number; -1 if there is none. */
export const newestOf = ({ spans }: ObjectHead): number => spans.at(-1)?.to ?? -1;

/** The number of the oldest snapshot; the deltas after it are available. */
export const oldestOf = ({ snapshots }: ObjectHead): number => snapshots[0]?.number ?? 0;

/** The span that contains an entry's number, or the next one if the number is missing. */
export const spanOf = ({ spans }: ObjectHead, number: number): Span | undefined => spans.find(({ to }) => to >= number);

/**
 * The head with one more entry. Entries of earlier writers from its number on no longer count; a log of another model
 * is replaced.
 */
export function withEntry(
  before: ObjectHead | null,
  { kind, number }: Pick<Entry, "kind" | "number">,
  { run, epoch }: { readonly run: string; readonly epoch: number },
): ObjectHead {
  const head = before?.run === run ? before : { spans: [], snapshots: [] };
  const snapshots = head.snapshots.filter((one) => one.epoch === epoch || one.number < number);
  if (kind === "snapshot" && snapshots.at(-1)?.number !== number) snapshots.push({ epoch, number });
  const kept = snapshots.slice(-KEPT);
  const oldest = kept[0]?.number ?? 0;
  const spans = extended(head.spans, number, epoch).filter(({ to }) => to >= oldest);
  return { format: FORMAT, run, spans, snapshots: kept };
}

function extended(spans: readonly Span[], number: number, epoch: number): Span[] {
  const last = spans.at(-1);
  if (last?.epoch === epoch && number >= last.from && number <= last.to + 1)
    return [...spans.slice(0, -1), { ...last, to: Math.max(last.to, number) }];
  const before = spans.filter(({ from }) => from < number);
  return [
    ...before.map((span) => ({ ...span, to: Math.min(span.to, number - 1) })),
    { epoch, from: number, to: number },
  ];
}

const KEY = /^(\d{12,})\/(delta|snapshot)-(\d{12,})-\d{4,}\.hbd$/;
const digits = (number: number, length = 12): string => String(number).padStart(length, "0");

/** The key of an entry's object `index`, from 0: entries above 8 MiB have several. */
export const objectKey = (epoch: number, { kind, number }: Pick<Entry, "kind" | "number">, index: number): string =>
  `${digits(epoch)}/${kind}-${digits(number)}-${digits(index, 4)}.hbd`;

/** Whether an object of this log is no longer needed. Objects that do not belong to the log must not be removed. */
export function isGone(head: ObjectHead, key: string): boolean {
  const [, epochs, kind, numbers] = KEY.exec(key) ?? [];
  if (!kind) return false;
  const epoch = Number(epochs);
  const number = Number(numbers);
  if (epoch > (head.spans.at(-1)?.epoch ?? 0)) return false;
  if (kind === "snapshot") return !head.snapshots.some((one) => one.epoch === epoch && one.number === number);
  return number <= oldestOf(head) || spanOf(head, number)?.epoch !== epoch;
}
