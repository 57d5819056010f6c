import { constantOf, structBytes, structOf } from "../kernels/layouts.js";
import type { Arena } from "./arena.js";
import type { ScanInput } from "./input.js";
import type { ScanKernel } from "./kernel.js";
import type { ScanPlan } from "./plan.js";
import type { TensorCursor, TensorPart } from "./tensor-cursor.js";

/** The most bytes of tensors that are processed at a time. */
const WINDOW_BYTES = 5 << 20;
/** Bytes between two tensors that vector loads may touch. */
const GAP = 16;

const kernelTypes = {
  BYTES: "TENSOR_TEXT",
  BOOL: "TENSOR_BOOL",
  INT8: "TENSOR_I8",
  INT16: "TENSOR_I16",
  INT32: "TENSOR_I32",
  INT64: "TENSOR_I64",
  UINT8: "TENSOR_U8",
  UINT16: "TENSOR_U16",
  UINT32: "TENSOR_U32",
  UINT64: "TENSOR_U64",
  FP32: "TENSOR_F32",
  FP64: "TENSOR_F64",
} as const;

/** The Open Inference Protocol's name of an element type. */
export type ElementType = keyof typeof kernelTypes;

/**
 * Reads binary tensors into rows of a batch. Values are not converted to text, except whole numbers that are hashed.
 */
export class TensorRows {
  private readonly kernel: ScanKernel;
  private readonly plan: ScanPlan;
  private readonly input: ScanInput;
  private readonly base: number;
  private readonly structs: number;
  private readonly arena: Arena;
  /** Paths whose slot is read by a single field, and with no other path below or above them. */
  private readonly alone: ReadonlySet<string>;

  constructor(kernel: ScanKernel, plan: ScanPlan, input: ScanInput, arena: Arena) {
    this.kernel = kernel;
    this.plan = plan;
    this.input = input;
    this.arena = arena;
    this.base = input.read;
    this.alone = aloneOf(plan.sources);
    this.structs = arena.take(structOf("scan", "Tensor").size * plan.sources.length);
  }

  /** @returns rows read, from `row` to before `most`; undefined if values are unusual */
  read(cursor: TensorCursor, row: number, most: number): number | undefined {
    if (!cursor.tensors.every(({ path }) => this.alone.has(path))) return undefined;
    const rows = Math.min(most - row, cursor.rows - cursor.next);
    const parts = cursor.parts(rows);
    if (!parts || parts.reduce((sum, { bytes }) => sum + bytes.length + GAP, 0) > WINDOW_BYTES) return undefined;
    const shared = parts.filter((part) => part.shared);
    const own = parts.filter((part) => !part.shared);
    const laid = this.lay([...shared, ...own]);
    if (!laid) return undefined;
    const { slotsCopy } = this.plan;
    const between = laid.at + shared.length * structOf("scan", "Tensor").size;
    if (!this.kernel.readShared(laid.at, between, slotsCopy)) return undefined;
    if (!this.kernel.readRows(between, laid.end, slotsCopy, row, row + rows)) return undefined;
    cursor.advance(rows, parts);
    return rows;
  }

  private lay(parts: readonly TensorPart[]): { at: number; end: number } | undefined {
    let at = this.base;
    let end = this.structs;
    for (const { tensor, bytes } of parts) {
      const { path, list, width, type } = tensor;
      const number = this.isNumber(tensor);
      if (number === undefined) return undefined;
      this.input.bytes(at, at + bytes.length).set(bytes);
      const element = constantOf("scan", kernelTypes[type]);
      const slot = this.plan.places.slot(path, "number");
      const fields = { slot, next: at, at, width, element, list: +list, number: +number };
      this.arena.write(end, structBytes("scan", "Tensor", fields));
      at += bytes.length + GAP;
      end += structOf("scan", "Tensor").size;
    }
    return { at: this.structs, end };
  }

  /**
   * Whether the field takes the number and not its text; undefined if it would need the text of a number that is not
   * whole.
   */
  private isNumber({ path, list, type, numeric }: TensorPart["tensor"]): boolean | undefined {
    const number = numeric && (list || this.plan.places.onlyNumber(path));
    return number || !type.startsWith("FP") ? number : undefined;
  }
}

function aloneOf(sources: readonly string[]): ReadonlySet<string> {
  const all = new Set(sources);
  const above = new Set(sources.flatMap(leadingTo));
  const once = new Set<string>();
  const again = new Set<string>();
  for (const path of sources) (once.has(path) ? again : once).add(path);
  const isAlone = (path: string) =>
    !again.has(path) && !above.has(path) && !leadingTo(path).some((one) => all.has(one));
  return new Set(sources.filter(isAlone));
}

/** The ancestors of a path. */
function leadingTo(path: string): string[] {
  return [...path.matchAll(/\./g)].map(({ index }) => path.slice(0, index));
}
