import type { ElementType } from "./tensor-rows.js";

/** The values of one member for consecutive rows, and their position in a body. */
export interface BodyTensor {
  /** The member's dotted path. */
  readonly path: string;
  readonly type: ElementType;
  /** Whether its field takes numbers. */
  readonly numeric: boolean;
  /** Whether its field takes lists. */
  readonly list: boolean;
  readonly rows: number;
  /** Elements per row. */
  readonly width: number;
  /** Bytes per element; 0: each is preceded by its size. */
  readonly size: number;
  /** Start; the end follows. */
  readonly from: number;
  readonly to: number;
}

/** The bytes of some rows of a tensor. */
export interface TensorPart {
  readonly tensor: BodyTensor;
  readonly bytes: Uint8Array;
  /** Its single row applies to all rows. */
  readonly shared: boolean;
}

/** The reading position in a body of tensors. */
export class TensorCursor {
  readonly tensors: readonly BodyTensor[];
  readonly rows: number;
  /** The row to be read next. */
  next = 0;
  private readonly body: Uint8Array;
  private readonly view: DataView;
  /** Where each tensor's next row begins. */
  private readonly at: number[];

  constructor(body: Uint8Array, tensors: readonly BodyTensor[]) {
    this.body = body;
    this.tensors = tensors;
    this.rows = Math.max(...tensors.map(({ rows }) => rows));
    this.view = new DataView(body.buffer, body.byteOffset, body.length);
    this.at = tensors.map(({ from }) => from);
  }

  get ended(): boolean {
    return this.next === this.rows;
  }

  /** Bytes not read yet. */
  get rest(): number {
    return Math.ceil(this.body.length * (1 - this.next / this.rows));
  }

  /** The parts of the next rows; undefined if texts exceed their tensor or do not fill it. */
  parts(rows: number): TensorPart[] | undefined {
    const parts: TensorPart[] = [];
    for (const [i, tensor] of this.tensors.entries()) {
      const shared = tensor.rows === 1 && this.rows > 1;
      const from = shared ? tensor.from : this.at[i];
      const to = this.end(tensor, from, tensor.width * (shared ? 1 : rows));
      const isLast = shared || this.next + rows === this.rows;
      if (isLast ? to !== tensor.to : to > tensor.to) return undefined;
      parts.push({ tensor, bytes: this.body.subarray(from, to), shared });
    }
    return parts;
  }

  /** Advances by the rows read. @param parts their parts */
  advance(rows: number, parts: readonly TensorPart[]): void {
    this.next += rows;
    parts.forEach(({ bytes, shared }, i) => {
      if (!shared) this.at[i] += bytes.length;
    });
  }

  private end({ size, to }: BodyTensor, from: number, elements: number): number {
    if (size > 0) return from + elements * size;
    let at = from;
    // A shape may have far more elements than the bytes hold.
    for (let i = 0; i < elements && at <= to; i++)
      at = at + 4 <= to ? at + 4 + this.view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    return at;
  }
}
