import { MAX_ROW } from "../decode/reject.js";
import type { ModelVersion } from "../serve/threads/engine.js";
import { MEMBER } from "./impression.js";
import type { Lines } from "./lines.js";
import { EventWriter, type SplitRequest, type Stamp } from "./merge.js";
import { type Shape, timeText } from "./shape.js";

/** A request to be logged. Plain data. */
export interface Scoring {
  readonly request: string;
  readonly body: Uint8Array;
  readonly scores: Float32Array;
  readonly calibrated: Float32Array | undefined;
  /** The model that scored it. */
  readonly model: ModelVersion;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly drawn:
    | { readonly policy: string; readonly rank: Uint32Array; readonly propensity: Float64Array }
    | undefined;
}

/** How a server scores, beyond what a version says. */
export interface Serving {
  readonly precision?: string | undefined;
  readonly dims?: Readonly<Record<string, number>> | undefined;
}

/** Limit for one request's lines: a large context is repeated for every candidate. */
const MOST_BYTES = 64 << 20;
const LINE_ENDS = [10, 13];
const BLANK = 32;
const CLOSE = 125;

/** Converts requests to lines, one per candidate. */
export class Composer {
  private readonly serving: Serving;
  private readonly writers = new Map<string, { readonly shape: Shape; readonly writer: EventWriter }>();

  constructor(serving: Serving) {
    this.serving = serving;
  }

  /** Sets how events of a spec are written, before the first one is. */
  tell(specHash: string, shape: Shape): void {
    this.writers.set(specHash, { shape, writer: new EventWriter(shape) });
  }

  /** @returns number of lines left out: those over 4 MiB, or all of a request that would exceed about 64 MiB */
  compose(lines: Lines, scoring: Scoring): number {
    const { shape, writer } = this.writers.get(scoring.model.spec_hash)!;
    const request = writer.split(onOneLine(scoring.body));
    const count = request.candidates.length;
    if (bytesOf(request) > MOST_BYTES) return count;
    const head = Buffer.from(this.head(scoring, count));
    const stamps = stampsOf(shape, scoring);
    let left = 0;
    for (let i = 0; i < count; i++) {
      lines.copy(head, 0, head.length);
      lines.ascii(scoreOf(scoring, i));
      writer.write(lines, request, i, stamps(i));
      lines.byte(CLOSE);
      if (!lines.end(MAX_ROW)) left++;
    }
    return left;
  }

  /** The beginning common to all lines of a request. */
  private head({ request, model: { model, version, spec_hash }, time, drawn }: Scoring, candidates: number): string {
    const { precision, dims } = this.serving;
    const said = { request, candidates, time, model, version, spec_hash };
    const text = JSON.stringify({ ...said, precision, dims, explore: drawn?.policy });
    return `{"${MEMBER}":${text.slice(0, -1)},`;
  }
}

/** Line breaks within JSON are replaced by blanks between its tokens. */
function onOneLine({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  const text = Buffer.from(buffer, byteOffset, byteLength);
  if (!LINE_ENDS.some((end) => text.includes(end))) return text;
  return Buffer.from(text.map((byte) => (LINE_ENDS.includes(byte) ? BLANK : byte)));
}

function scoreOf({ scores, calibrated, drawn }: Scoring, i: number): string {
  let text = `"position":${i},"probability":${scores[i]}`;
  if (calibrated) text += `,"calibrated":${calibrated[i]}`;
  if (drawn) text += `,"rank":${drawn.rank[i]},"propensity":${drawn.propensity[i]}`;
  return `${text}}`;
}

/** The values that a request's events get, by position. */
function stampsOf({ id, time }: Shape, { request, time: now }: Scoring): (position: number) => Stamp[] {
  const ofTime = time ? [{ path: time.from, value: timeText(time.unit, now) }] : [];
  if (id === null) return () => ofTime;
  // A position needs no escape.
  const quoted = JSON.stringify(eventId(request, 0)).slice(0, -2);
  return (position) => [{ path: id, value: `${quoted}${position}"` }, ...ofTime];
}

/** The id of a candidate's event, if it has none: `REQUEST/POSITION`. */
export const eventId = (request: string, position: number): string => `${request}/${position}`;

/** Approximate size of a request's lines. */
function bytesOf({ body, context, candidates }: SplitRequest): number {
  return body.length + candidates.length * (300 + (context ? context.to - context.from : 0));
}
