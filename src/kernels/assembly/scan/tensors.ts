// Rows of binary tensors → slots; an element's bytes stay where they were received.
import { OK } from "./codes";
import {
  TENSOR_BYTES,
  Tensor,
  elementAt,
  elementKind,
  elementNumber,
  elementSize,
  listEnd,
  readElement,
} from "./elements";
import { acceptRow, beginContext, clearNulls } from "./fields";
import { fill, fillBinary } from "./fill";
import { clearRow, forgetContext, keepContext, toContext } from "./json";
import { ELEMENTS, scratchEnd, setFailedSlot, setMayFail } from "./plan";
import { beginText } from "./written";

/** Puts the next row's value into its slot; a list stays in place, and is found through the tensor. */
function fillSlot(tensor: Tensor): bool {
  const slot = tensor.slot;
  tensor.at = tensor.next;
  if (tensor.list) {
    tensor.next = listEnd(tensor);
    fill(slot, changetype<usize>(tensor), tensor.width, ELEMENTS);
    return true;
  }
  tensor.next = readElement(tensor.element, tensor.at, tensor.number != 0);
  if (!tensor.next) return false;
  if (tensor.number) return fillBinary(slot, elementNumber);
  fill(slot, elementAt, elementSize, elementKind);
  return true;
}

function fillSlots(tensors: usize, end: usize): bool {
  for (let at = tensors; at < end; at += TENSOR_BYTES) if (!fillSlot(changetype<Tensor>(at))) return false;
  return true;
}

/** End of the text of shared values in the scratch. */
let sharedScratch: usize = 0;

/**
 * Reads tensors whose single row applies to all rows; `copy` has room for all slots.
 * @returns false if a value is invalid
 */
export function readShared(tensors: usize, end: usize, copy: usize): bool {
  setFailedSlot(0);
  forgetContext();
  clearRow();
  beginText();
  if (!fillSlots(tensors, end)) return false;
  clearNulls();
  keepContext(copy);
  beginContext();
  sharedScratch = scratchEnd;
  return true;
}

/** Reads the tensors' next rows as rows `row` to `most` (exclusive). @returns false if one cannot be read */
export function readRows(tensors: usize, end: usize, copy: usize, row: u32, most: u32): bool {
  for (let to = row; to < most; to++) {
    toContext(copy, sharedScratch);
    setMayFail(true);
    if (!fillSlots(tensors, end) || acceptRow(to) != OK) return false;
  }
  return true;
}
