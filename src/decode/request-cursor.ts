/** The first window of a body, unless it is shorter. */
const FIRST_BYTES = 256 << 10;
/** Added to the window that the requested candidates need, judged by the length of earlier ones. */
const SPARE_BYTES = 4 << 10;

type Range = readonly [from: number, to: number];

/** The reading position in a score request's body. */
export class RequestCursor {
  readonly body: Uint8Array;
  /** Candidates read so far. */
  candidates = 0;
  /** All candidates were read, and what follows them is valid. */
  ended = false;
  opened = false;
  /** The context's bytes; null: there is none. */
  context: Uint8Array | null = null;
  /** The bytes of the options object, if there is one. */
  options: Uint8Array | undefined;
  /** What follows the candidates has been checked. */
  verified = false;
  /** Offset of the next byte to read. */
  next = 0;
  /** Paths of members that no field reads. */
  readonly unknown = new Set<string>();
  /** Some unknown members may be missing from `unknown`. */
  unlisted = false;

  constructor(body: Uint8Array) {
    this.body = body;
  }

  /** Bytes not read yet. */
  get rest(): number {
    return this.body.length - this.next;
  }

  /** Size of the window for a number of candidates. */
  bytesFor(candidates: number): number {
    if (this.candidates === 0) return FIRST_BYTES;
    return Math.ceil((this.next / this.candidates) * candidates * 1.25) + SPARE_BYTES;
  }

  /**
   * @param context start and end of the context's object
   * @param verified what follows the candidates has been checked
   */
  open(context: Range | null, options: Range | null, verified: boolean): void {
    this.context = context && this.body.subarray(...context);
    this.tell(options);
    this.verified = verified;
    this.opened = true;
  }

  /** @param options start and end of the options' object */
  tell(options: Range | null): void {
    if (options) this.options = this.body.subarray(...options);
  }

  /** The window held no complete candidate: starts again with a larger one. */
  reopen(): undefined {
    if (this.candidates === 0) this.opened = false;
  }

  /** Candidates were read from the next `bytes` bytes. */
  advance(bytes: number, candidates: number, last: boolean): void {
    this.next += bytes;
    this.candidates += candidates;
    this.ended = last;
  }
}
