import { HashbrookError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { RequestFailure, RequestReader } from "../../decode/decoder.js";
import { type Known, type ScoreRequest, splitScoreRequest } from "./request.js";

/**
 * A request parsed into objects. Slower than reading it as it arrives, but without restrictions on its form: it accepts
 * every valid request, and produces the error messages for invalid ones.
 */
export class WholeRequest {
  private readonly request: ScoreRequest;

  /** @throws HashbrookError request_invalid naming the place */
  constructor(body: Uint8Array, known: Known, maxCandidates: number) {
    this.request = splitScoreRequest(body, known, maxCandidates);
  }

  get candidates(): number {
    return this.request.candidates.length;
  }

  /** The bytes of the options object, if there is one. */
  get options(): Uint8Array | undefined {
    return this.request.options;
  }

  /** Paths of members that no field reads, at most 100. */
  get ignored(): readonly string[] {
    return this.request.unknown;
  }

  /**
   * Reads candidates from index `from` on as rows `row` to `most` (exclusive).
   * @returns the number of candidates read
   * @throws HashbrookError request_invalid naming the candidate and the member
   */
  read(requests: RequestReader, from: number, row: number, most: number): number {
    const { context, candidates } = this.request;
    const part = candidates.slice(from, from + most - row);
    const failure = requests.readParts(context, part, row);
    if (failure) throw rejected(failure, part, from);
    return part.length;
  }
}

/**
 * The error for a member that cannot be decoded. It is the context's unless the candidate has a member at that path
 * itself.
 */
function rejected(failure: RequestFailure, candidates: readonly Uint8Array[], from: number): HashbrookError {
  const { candidate, code, column } = failure;
  const own =
    candidate >= 0 && (column === "" || hasPath(JSON.parse(Buffer.from(candidates[candidate]).toString()), column));
  const place = own ? `candidates[${from + candidate}]` : "context";
  return new HashbrookError("request_invalid", `${place}${column ? `.${column}` : ""}: ${code}`, {
    hint: rejectHints[code] ?? "see features/README.md for the values each field type accepts",
  });
}

/**
 * Whether an object determines the value at a path: it has the path, or a value that is not an object on the way to it.
 */
function hasPath(object: unknown, path: string): boolean {
  if (!isObject(object)) return true;
  if (Object.hasOwn(object, path)) return true;
  const dots = [...path].flatMap((c, i) => (c === "." ? [i] : []));
  return dots.some((at) => {
    const name = path.slice(0, at);
    return Object.hasOwn(object, name) && hasPath(object[name], path.slice(at + 1));
  });
}

const rejectHints: Readonly<Record<string, string>> = {
  bad_type:
    "categorical fields accept strings, numbers or booleans; numeric fields accept numbers; vectors accept arrays of numbers, bags accept arrays of items or of [item, weight], or {item: weight, …}",
  bad_json: "objects and arrays may be nested 512 deep",
  bad_number: "send a JSON number",
  number_out_of_range: "numbers must be finite and within ±1e18",
  value_too_long: "values are at most 65,535 bytes",
  bad_vector: "send an array of exactly `length` numbers, as the spec declares",
};
