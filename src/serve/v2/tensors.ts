import { HashbrookError } from "../../core/errors.js";
import { rawElements } from "../requests/raw-json.js";
import { type Datatype, datatypes } from "./datatypes.js";
import type { InputTensor } from "./schemas.js";

/** The error for a tensor. */
export function wrong(tensor: string, message: string, hint?: string): HashbrookError {
  return new HashbrookError("request_invalid", `inputs.${tensor}: ${message}`, hint === undefined ? {} : { hint });
}

/**
 * The elements of a tensor as JSON texts, in row-major order.
 * @param raw the bytes of its `data` if that is JSON, else its part of the binary data
 * @throws HashbrookError request_invalid naming the tensor and the element
 */
export function elementsOf(tensor: InputTensor, raw: { json: Uint8Array } | { binary: Uint8Array }): string[] {
  const { name, shape } = tensor;
  const type = datatypes[tensor.datatype];
  const wanted = shape.reduce((product, n) => product * n, 1);
  const texts = "json" in raw ? fromJson(tensor, type, raw.json) : fromBinary(tensor, type, raw.binary, wanted);
  if (texts.length === wanted) return texts;
  throw wrong(name, `has ${texts.length} elements, but shape [${shape.join(", ")}] has ${wanted}`);
}

function fromJson({ name, shape, datatype }: InputTensor, type: Datatype, data: Uint8Array): string[] {
  return [...flat(data, shape.length, name)].map((element, i) => {
    const text = type.check(element);
    if (text === undefined) throw wrong(name, `element ${i}: ${element.slice(0, 40)} is not a valid ${datatype}`);
    return text;
  });
}

/** Elements of a list, flat or nested up to this depth. */
function* flat(list: Uint8Array, depth: number, name: string): Generator<string> {
  for (const element of rawElements(list)) {
    if (element[0] !== 91) yield Buffer.from(element).toString();
    else if (depth > 1) yield* flat(element, depth - 1, name);
    else throw wrong(name, "data is nested deeper than its shape");
  }
}

function fromBinary(tensor: InputTensor, type: Datatype, bytes: Uint8Array, wanted: number): string[] {
  if (type.kind === "text") return [...textsOf(tensor.name, bytes)];
  const { name, datatype } = tensor;
  if (bytes.length !== wanted * type.size)
    throw wrong(name, `has ${bytes.length} bytes of binary data, but its shape needs ${wanted * type.size}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: wanted }, (_, i) => {
    const text = type.read(view, i * type.size);
    if (text === undefined)
      throw wrong(name, `element ${i}: is not a ${type.kind === "float" ? "finite " : ""}${datatype}`);
    return text;
  });
}

/** BYTES: a four-byte length before each element. */
function* textsOf(name: string, bytes: Uint8Array): Generator<string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = at + 4 <= bytes.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (at + 4 + size > bytes.length) throw wrong(name, `element ${i}: extends beyond the tensor's binary data`);
    yield JSON.stringify(textOf(utf8, bytes.subarray(at + 4, at + 4 + size), `element ${i}`, name));
    at += 4 + size;
  }
}

function textOf(utf8: InstanceType<typeof TextDecoder>, bytes: Uint8Array, element: string, name: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw wrong(name, `${element}: is not UTF-8`);
  }
}
