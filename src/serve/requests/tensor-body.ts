import { HashbrookError } from "../../core/errors.js";
import { type BodyTensor, TensorCursor } from "../../decode/tensor-cursor.js";
import type { ScoringModel } from "../scoring-model.js";
import type { RequestBody } from "./request-body.js";

/** A body of binary tensors. It only reports that something is wrong; reading the same as JSON finds out what. */
export class TensorBody implements RequestBody {
  private readonly body: Uint8Array;
  private readonly tensors: readonly BodyTensor[];
  private cursor: TensorCursor;

  constructor(body: Uint8Array, tensors: readonly BodyTensor[]) {
    this.body = body;
    this.tensors = tensors;
    this.cursor = new TensorCursor(body, tensors);
  }

  get ended(): boolean {
    return this.cursor.ended;
  }

  get rest(): number {
    return this.cursor.rest;
  }

  read({ requests }: ScoringModel, row: number, most: number): number {
    const rows = requests.tensors.read(this.cursor, row, most);
    if (rows !== undefined) return rows;
    throw new HashbrookError("request_invalid", "inputs: a tensor does not match the model's fields");
  }

  begin(): void {
    this.cursor = new TensorCursor(this.body, this.tensors);
  }

  ignored(): readonly string[] {
    return [];
  }

  get options(): undefined {
    return undefined;
  }
}
