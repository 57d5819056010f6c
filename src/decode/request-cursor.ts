/** Looked at first of a body, unless it is shorter. */
const FIRST_BYTES = 256 << 10;
/** Looked at beside the candidates that are wanted, by the length of those before. */
const SPARE_BYTES = 4 << 10;

type Range = readonly [from: number, to: number];

/** How far a score request's body was read. */
export class RequestCursor {
  readonly body: Uint8Array;
  /** Candidates read. */
  candidates = 0;
  /** All candidates were read, and what is behind them is as it should be. */
  ended = false;
  opened = false;
  /** The context's bytes; null: there is none. */
  context: Uint8Array | null = null;
  /** The bytes of the options object, where there is one. */
  options: Uint8Array | undefined;
  /** What stands behind the candidates was looked at. */
  verified = false;
  /** Where the body is read on. */
  next = 0;
  /** Paths of members that no field reads. */
  readonly unknown = new Set<string>();
  /** There may be more of them than `unknown` has. */
  unlisted = false;

  constructor(body: Uint8Array) {
    this.body = body;
  }

  /** Bytes not read yet. */
  get rest(): number {
    return this.body.length - this.next;
  }

  /** How many bytes to look at for so many candidates. */
  bytesFor(candidates: number): number {
    if (this.candidates === 0) return FIRST_BYTES;
    return Math.ceil((this.next / this.candidates) * candidates * 1.25) + SPARE_BYTES;
  }

  /** @param context first byte and end of the context's object @param verified what is behind the candidates was looked at */
  open(context: Range | null, options: Range | null, verified: boolean): void {
    this.context = context && this.body.subarray(...context);
    this.tell(options);
    this.verified = verified;
    this.opened = true;
  }

  /** @param options first byte and end of the options' object */
  tell(options: Range | null): void {
    if (options) this.options = this.body.subarray(...options);
  }

  /** What was read so far did not get anywhere: it begins with more bytes. */
  reopen(): undefined {
    if (this.candidates === 0) this.opened = false;
  }

  /** Candidates were read in the next `bytes` bytes. */
  advance(bytes: number, candidates: number, last: boolean): void {
    this.next += bytes;
    this.candidates += candidates;
    this.ended = last;
  }
}
