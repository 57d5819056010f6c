import type { BatchLayout, Room } from "../core/batch.js";

/**
 * Copies the used parts of a batch's region into a room, or into a buffer: `into`, if it has the right size, or a new
 * one.
 */
export function copyRegion(
  layout: BatchLayout,
  source: ArrayBuffer,
  region: number,
  rows: number,
  into?: ArrayBufferLike | Room,
): Room {
  const room = roomOf(layout, into);
  const from = new Uint8Array(source, region, layout.bytes);
  const to = new Uint8Array(room.buffer, room.base, layout.bytes);
  const head = layout.bags.length > 0 ? layout.bags[0].offsets : layout.bytes;
  to.set(from.subarray(0, head));
  for (const { offsets, keys, weights } of layout.bags) {
    const items = new Uint32Array(source, region + offsets, rows + 1)[rows];
    const part = (at: number, bytes: number) => to.set(from.subarray(at, at + bytes), at);
    part(offsets, 4 * (rows + 1));
    part(keys, 8 * items);
    part(weights, 4 * items);
  }
  return room;
}

function roomOf({ bytes }: BatchLayout, into: ArrayBufferLike | Room | undefined): Room {
  if (into !== undefined && "base" in into) return into;
  return { buffer: into?.byteLength === bytes ? into : new ArrayBuffer(bytes), base: 0 };
}
