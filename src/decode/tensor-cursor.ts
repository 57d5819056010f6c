import type { ElementType } from "./tensor-rows.js";

/** The values of one member, row behind row: where they stand in a body. */
export interface BodyTensor {
  /** The member's dotted path. */
  readonly path: string;
  readonly type: ElementType;
  /** Its field takes numbers. */
  readonly numeric: boolean;
  /** Its field takes lists. */
  readonly list: boolean;
  readonly rows: number;
  /** Elements a row. */
  readonly width: number;
  /** Bytes of an element; 0: each says its own size before it. */
  readonly size: number;
  /** First byte and end. */
  readonly from: number;
  readonly to: number;
}

/** The bytes of some rows of a tensor. */
export interface TensorPart {
  readonly tensor: BodyTensor;
  readonly bytes: Uint8Array;
  /** Its one row holds for all. */
  readonly shared: boolean;
}

/** How far a body of tensors was read. */
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

  /** Of the next rows; undefined where texts go beyond their tensor, or do not fill it. */
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

  /** Rows were read. @param parts theirs */
  advance(rows: number, parts: readonly TensorPart[]): void {
    this.next += rows;
    parts.forEach(({ bytes, shared }, i) => {
      if (!shared) this.at[i] += bytes.length;
    });
  }

  private end({ size, to }: BodyTensor, from: number, elements: number): number {
    if (size > 0) return from + elements * size;
    let at = from;
    for (let i = 0; i < elements; i++)
      at = at + 4 <= to ? at + 4 + this.view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    return at;
  }
}
