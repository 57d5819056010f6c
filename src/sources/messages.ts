import { hex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";

/**
 * Consecutive messages of one partition: one byte array and arrays of positions, so that no message needs an object.
 */
export interface Messages {
  readonly length: number;
  readonly bytes: Uint8Array;
  /**
   * Message i's value is bytes [starts[i], ends[i]); empty where it has none. The byte at ends[i] belongs to no value.
   */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Offsets in the partition, rising; exact up to 2^53. */
  readonly offsets: Float64Array;
  /** Record times, in milliseconds since the epoch. */
  readonly times: Float64Array;
  /** Where message i's key (with its length) begins; value and headers follow. Absent if messages have only values. */
  readonly keysAt?: Uint32Array;
}

/** A single message. */
export interface Message {
  readonly offset: number;
  readonly time: number;
  readonly value: Uint8Array | null;
}

/** Copies messages into one piece of memory. */
export function gather(messages: readonly Message[]): Messages {
  const places = emptyPlaces(messages.length);
  const bytes = new Uint8Array(messages.reduce((sum, { value }) => sum + (value?.length ?? 0) + 1, 0));
  let at = 0;
  messages.forEach(({ offset, time, value }, i) => {
    if (value) bytes.set(value, at);
    places.starts[i] = at;
    places.ends[i] = at + (value?.length ?? 0);
    places.offsets[i] = offset;
    places.times[i] = time;
    at = places.ends[i] + 1;
  });
  return { ...places, bytes };
}

/** Empty arrays for the positions of `length` messages. */
export function emptyPlaces(length: number): Omit<Messages, "bytes"> {
  return {
    length,
    starts: new Uint32Array(length),
    ends: new Uint32Array(length),
    offsets: new Float64Array(length),
    times: new Float64Array(length),
  };
}

/** Approximate memory use of messages. */
export function bytesOfMessages({ bytes, length }: Messages): number {
  return bytes.length + 24 * length;
}

/**
 * The identity of a message: its offset, and the XXH64 of its bytes with its record time as the seed (16 hex digits).
 */
export interface MessagePrint {
  readonly offset: string;
  readonly xxh64: string;
}

export function printOf({ bytes, starts, ends, offsets, times }: Messages, i: number): MessagePrint {
  const seed = BigInt.asUintN(64, BigInt(Math.trunc(times[i])));
  return { offset: String(offsets[i]), xxh64: hex64(xxh64(bytes.subarray(starts[i], ends[i]), seed)) };
}

/** The index of the first message at or after an offset; `length` if there is none. */
export function firstFrom({ length, offsets }: Pick<Messages, "length" | "offsets">, offset: bigint): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
