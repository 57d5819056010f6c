// The elements of a binary tensor: bytes of texts, numbers used as numbers, integers whose text is hashed.
import { inRange } from "./number";
import { BOOLEAN, NUMBER, Slot, plan, scratchEnd } from "./plan";
import { isUtf8 } from "./utf8";
import { FALSE, integerText, TRUE, textAt, wholeText } from "./written";

/** Types of elements; all except texts have a fixed size. */
const TENSOR_TEXT: u32 = 0;
const TENSOR_BOOL: u32 = 1;
const TENSOR_I8: u32 = 2;
const TENSOR_I16: u32 = 3;
const TENSOR_I32: u32 = 4;
const TENSOR_I64: u32 = 5;
const TENSOR_U8: u32 = 6;
const TENSOR_U16: u32 = 7;
const TENSOR_U32: u32 = 8;
const TENSOR_U64: u32 = 9;
const TENSOR_F32: u32 = 10;
const TENSOR_F64: u32 = 11;

/** The values of one slot, row after row. */
@unmanaged
export class Tensor {
  slot: Slot;
  /** Address of the next row; the host has checked that the bytes of all rows are present. */
  next: usize;
  /** Address of the current row. */
  at: usize;
  /** Elements per row. */
  width: u32;
  element: u32;
  /** 1: the slot accepts a list. */
  list: u32;
  /** 1: the numbers are used, not their text. */
  number: u32;
}
export const TENSOR_BYTES: usize = offsetof<Tensor>();

/** The element last read: a text, or the text of an id, with the kind of its slot; or a number. */
export let elementAt: usize = 0;
export let elementSize: u32 = 0;
export let elementKind: u32 = 0;
export let elementNumber: f64 = 0;

@inline
function put(at: usize, size: u32, kind: u32): void {
  elementAt = at;
  elementSize = size;
  elementKind = kind;
}

/** A number used without its text. -0 is stored as 0, as if it had been read from text. */
@inline
function real(x: f64, next: usize): usize {
  elementNumber = isFinite(x) ? inRange(x + 0) : Infinity;
  return next;
}

/** An integer: itself, or its text, which is the id. */
@inline
function signed(x: i64, number: bool, next: usize): usize {
  if (number) return real(<f64>x, next);
  if (!integerText(x)) return 0;
  put(textAt, <u32>(scratchEnd - textAt), NUMBER);
  return next;
}

@inline
function unsigned(x: u64, number: bool, next: usize): usize {
  if (number) return real(<f64>x, next);
  if (!wholeText(x)) return 0;
  put(textAt, <u32>(scratchEnd - textAt), NUMBER);
  return next;
}

function text(at: usize): usize {
  const size = load<u32>(at);
  put(at + 4, size, plan.stringKind);
  return isUtf8(at + 4, at + 4 + size) ? at + 4 + size : 0;
}

function boolean(at: usize): usize {
  const truth: u32 = load<u8>(at);
  put(truth ? TRUE : FALSE, 5 - truth, BOOLEAN);
  return truth <= 1 ? at + 1 : 0;
}

/** Reads an element. @returns the address after it; 0 if it is invalid, or there is no room for its text */
export function readElement(element: u32, at: usize, number: bool): usize {
  switch (element) {
    case TENSOR_TEXT:
      return text(at);
    case TENSOR_BOOL:
      return boolean(at);
    case TENSOR_I8:
      return signed(load<i8>(at), number, at + 1);
    case TENSOR_I16:
      return signed(load<i16>(at), number, at + 2);
    case TENSOR_I32:
      return signed(load<i32>(at), number, at + 4);
    case TENSOR_I64:
      return signed(load<i64>(at), number, at + 8);
    case TENSOR_U8:
      return unsigned(load<u8>(at), number, at + 1);
    case TENSOR_U16:
      return unsigned(load<u16>(at), number, at + 2);
    case TENSOR_U32:
      return unsigned(load<u32>(at), number, at + 4);
    case TENSOR_U64:
      return unsigned(load<u64>(at), number, at + 8);
    case TENSOR_F32:
      return real(load<f32>(at), at + 4);
  }
  return real(load<f64>(at), at + 8);
}

/** Address after the elements of a list. */
export function listEnd(tensor: Tensor): usize {
  let p = tensor.next;
  if (tensor.element != TENSOR_TEXT) return p + <usize>tensor.width * sizeOf(tensor.element);
  for (let i: u32 = 0; i < tensor.width; i++) p += 4 + load<u32>(p);
  return p;
}

function sizeOf(element: u32): usize {
  if (element == TENSOR_BOOL || element == TENSOR_I8 || element == TENSOR_U8) return 1;
  if (element == TENSOR_I16 || element == TENSOR_U16) return 2;
  return element == TENSOR_I32 || element == TENSOR_U32 || element == TENSOR_F32 ? 4 : 8;
}
