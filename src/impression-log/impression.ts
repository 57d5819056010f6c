import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { membersAt } from "../serve/requests/raw-json.js";

/** How an event was scored, stored before its members. */
export interface Impression {
  /** The request's id. */
  readonly request: string;
  /** The candidate's position in it, from 0, and the number of candidates. */
  readonly position: number;
  readonly candidates: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly model: string;
  /** Examples learned. */
  readonly version: number;
  readonly spec_hash: string;
  /** Precision of the rows, if the server was given one (`--precision`), and what nested vectors were cut to (`--dims`). */
  readonly precision?: string;
  readonly dims?: Readonly<Record<string, number>>;
  readonly probability: number;
  /** By the model's calibrator, if it has one. */
  readonly calibrated?: number;
  /** If the order was randomised: the method, the candidate's rank, from 1, and the probability with which it came first. */
  readonly explore?: string;
  readonly rank?: number;
  readonly propensity?: number;
}

/** The member that contains an impression, the event's first. */
export const MEMBER = "hashbrook";
const START = Buffer.from(`{"${MEMBER}":{`);

/**
 * The impression of a line of a log.
 * @param place for the error: file and line
 * @throws HashbrookError source_unreadable
 */
export function readImpression(line: Buffer, place: string): Impression {
  if (START.compare(line, 0, Math.min(START.length, line.length)) === 0) {
    try {
      const [{ from, to }] = membersAt(line, 0);
      const value: unknown = JSON.parse(line.toString("utf8", from, to));
      if (isImpression(value)) return value;
    } catch {
      // Not an impression.
    }
  }
  throw new HashbrookError("source_unreadable", `${place}: not a line of an impression log`, {
    hint: `lines of serve --log begin with {"${MEMBER}": {"request": …`,
  });
}

function isImpression(value: unknown): value is Impression {
  if (!isObject(value)) return false;
  const { request, position, candidates, version, spec_hash, probability } = value;
  return (
    typeof request === "string" &&
    typeof spec_hash === "string" &&
    [position, candidates, version, probability].every((number) => typeof number === "number")
  );
}
