import type { FastifyRequest } from "fastify";
import { HashbrookError } from "../../core/errors.js";
import type { BodyTensor } from "../../decode/tensor-cursor.js";
import { fieldOf } from "../../fields/index.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { checked, parsed } from "../http/endpoint.js";
import { rawElements, rawMembers } from "../requests/raw-json.js";
import { tooMany } from "../requests/request.js";
import { MAX_CANDIDATES } from "../scorer.js";
import { tensorsOf } from "./body-tensors.js";
import { fieldFor } from "./places.js";
import { InferBody, type InputTensor } from "./schemas.js";
import { elementsOf, wrong } from "./tensors.js";

/** An inference request. */
export interface InferRequest {
  readonly asked: InferBody;
  /** The same as JSON for a scorer. @throws HashbrookError request_invalid naming the place, items_too_many */
  readonly body: () => Uint8Array;
  /** Positions of its binary tensors, if it has nothing else and they look valid. */
  readonly tensors: readonly BodyTensor[] | undefined;
}

/**
 * Reads an inference request: a JSON header, followed by binary tensors if there is an
 * `Inference-Header-Content-Length`.
 * @throws HashbrookError request_invalid naming the place, items_too_many
 */
export function readInfer(request: FastifyRequest, bytes: Uint8Array, spec: CompiledSpec): InferRequest {
  const length = headerLength(request, bytes.length);
  const header = bytes.subarray(0, length);
  const asked = checked(request, parsed(header), InferBody, "body");
  const raw = rawElements(rawMembers(header).get("inputs")!).map((input) => rawMembers(input).get("data"));
  const body = () => {
    const binary = new Binary(bytes.subarray(length));
    const columns = asked.inputs.map((tensor, i) => columnOf(spec, tensor, raw[i], binary));
    binary.end();
    return bodyOf(columns);
  };
  return { asked, body, tensors: tensorsOf(asked.inputs, spec, length, bytes.length) };
}

function headerLength({ headers }: FastifyRequest, size: number): number {
  const text = headers["inference-header-content-length"];
  if (text === undefined) return size;
  const length = /^\d{1,10}$/.test(String(text)) ? Number(text) : Number.NaN;
  if (length <= size) return length;
  throw new HashbrookError("request_invalid", `Inference-Header-Content-Length: ${text}: the body has ${size} bytes`);
}

/** The bytes of the tensors after the header, one after the other. */
class Binary {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(name: string, size: number): Uint8Array {
    const left = this.bytes.length - this.at;
    if (size > left) throw wrong(name, `binary_data_size is ${size}, but only ${left} bytes are left after the header`);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  end(): void {
    const left = this.bytes.length - this.at;
    if (left > 0) throw new HashbrookError("request_invalid", `body: has ${left} bytes after the last tensor`);
  }
}

/** A member and its JSON text in each row. */
interface Column {
  readonly name: string;
  readonly path: string;
  readonly values: readonly string[];
}

function columnOf(spec: CompiledSpec, tensor: InputTensor, data: Uint8Array | undefined, binary: Binary): Column {
  const { name, shape, parameters } = tensor;
  const size = parameters?.binary_data_size;
  if ((data === undefined) === (size === undefined)) throw wrong(name, "must have either data or binary_data_size");
  const field = fieldFor(spec, tensor);
  if (shape[0] > MAX_CANDIDATES) throw tooMany(`inputs.${name}: rows`, shape[0], MAX_CANDIDATES);
  const texts = elementsOf(tensor, data ? { json: data } : { binary: binary.take(name, size!) });
  const isList = fieldOf(field.type).reads === "items";
  return { name, path: field.from, values: isList ? lists(texts, shape[0], shape[1]) : texts };
}

function lists(texts: readonly string[], rows: number, length: number): string[] {
  return Array.from({ length: rows }, (_, row) => `[${texts.slice(row * length, (row + 1) * length).join()}]`);
}

/** A tensor with one row applies to all rows, so it becomes part of the context. */
function bodyOf(columns: readonly Column[]): Uint8Array {
  const rows = Math.max(...columns.map(({ values }) => values.length));
  const paths = new Set<string>();
  for (const { name, path, values } of columns) {
    if (paths.has(path)) throw wrong(name, `another tensor already provides member ${path}`);
    paths.add(path);
    if (values.length !== rows && values.length !== 1)
      throw wrong(name, `has ${values.length} rows, but other tensors have ${rows}`);
  }
  if (rows === 0) throw new HashbrookError("request_invalid", "inputs: must have at least one row");
  const shared = columns.filter(({ values }) => values.length === 1 && rows > 1);
  const own = columns.filter((column) => !shared.includes(column));
  const object = (some: readonly Column[], row: number) =>
    `{${some.map(({ path, values }) => `${JSON.stringify(path)}:${values[row]}`).join()}}`;
  const candidates = Array.from({ length: rows }, (_, row) => object(own, row));
  return Buffer.from(`{"context":${object(shared, 0)},"candidates":[${candidates.join()}]}`);
}
