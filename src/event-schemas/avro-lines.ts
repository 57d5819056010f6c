import { fixedPoint, twosComplement } from "../core/fixed-point.js";
import type { AnyType } from "./types.js";

/** Bytes that are not a value of their schema. */
export class DamagedValues extends Error {}

/** Maximum number of items of one list or map: items of type null take no bytes, so the size does not bound it. */
const MOST_ITEMS = 1 << 22;
const MOST_DEPTH = 512;

/** Reads the primitives of Avro's binary encoding. */
export class AvroBytes {
  readonly bytes: Buffer;
  at = 0;
  depth = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The next `size` bytes. */
  take(size: number): Buffer {
    if (!(size >= 0 && size <= this.bytes.length - this.at)) throw new DamagedValues("a value is truncated");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  private byte(): number {
    if (this.at < this.bytes.length) return this.bytes[this.at++];
    throw new DamagedValues("a value is truncated");
  }

  /** A zigzag number; a bigint where it takes more than 53 bits. */
  integer(): number | bigint {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    this.at -= 7;
    return this.long();
  }

  private long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new DamagedValues("a number is longer than 64 bits");
  }

  /** A number below `most`. */
  count(most: number): number {
    const value = Number(this.integer());
    if (value >= 0 && value < most) return value;
    throw new DamagedValues(`expected a number from 0 to ${most - 1}, got ${value}`);
  }

  flag(): boolean {
    const byte = this.byte();
    if (byte > 1) throw new DamagedValues(`expected 0 or 1, got ${byte}`);
    return byte === 1;
  }

  sized(): Buffer {
    return this.take(this.count(2 ** 31));
  }

  /** Calls `item` for every item of the blocks of a list or map. */
  items(item: () => void): void {
    for (let left = MOST_ITEMS; ; ) {
      let count = Number(this.integer());
      if (count === 0) return;
      if (count < 0) this.integer();
      count = Math.abs(count);
      left -= count;
      if (left < 0) throw new DamagedValues(`a list has more than ${MOST_ITEMS} items`);
      for (; count > 0; count--) item();
    }
  }
}

/** Writes the next value as JSON. */
type Write = (from: AvroBytes) => string;

/**
 * Makes a function that writes values of an Avro schema as JSON, as the events of a topic are read: numbers with all
 * their digits, times in milliseconds, enums as symbols, unions as their value; NaN and infinities become null.
 * @returns a function that throws DamagedValues
 */
export function avroToJson(type: AnyType): Write {
  return new Writers().of(type);
}

class Writers {
  private readonly known = new Map<AnyType, Write>();

  of(type: AnyType): Write {
    const known = this.known.get(type);
    if (known) return known;
    // A record may contain itself, so its writer is looked up when it is first needed.
    let made: Write | undefined;
    this.known.set(type, (from) => made!(from));
    made = this.make(type);
    this.known.set(type, made);
    return made;
  }

  private make(type: AnyType): Write {
    switch (type.kind) {
      case "null":
        return () => "null";
      case "boolean":
        return (from) => (from.flag() ? "true" : "false");
      case "integer":
        return type.times || type.parts ? timeOf(type) : (from) => String(from.integer());
      case "float":
        return (from) => numberJson(from.take(4).readFloatLE());
      case "double":
        return (from) => numberJson(from.take(8).readDoubleLE());
      case "text":
        return textOf(type.decimal, (from) => from.sized());
      case "fixed":
        return textOf(type.decimal, (from) => from.take(type.size));
      case "enum": {
        const symbols = type.symbols.map((symbol) => JSON.stringify(symbol));
        return (from) => symbols[from.count(symbols.length)];
      }
      case "union": {
        const branches = type.branches.map((branch) => this.of(branch));
        return deeper((from) => branches[from.count(branches.length)](from));
      }
      case "array": {
        const item = this.of(type.items);
        return deeper((from) => `[${listed(from, () => item(from))}]`);
      }
      case "map": {
        const item = this.of(type.items);
        return deeper((from) => `{${listed(from, () => `${JSON.stringify(from.sized().toString())}:${item(from)}`)}}`);
      }
      case "record": {
        const fields = type.fields.map((field) => [`${JSON.stringify(field.name)}:`, this.of(field.type)] as const);
        return deeper((from) => `{${fields.map(([name, write]) => name + write(from)).join()}}`);
      }
    }
  }
}

function deeper(write: Write): Write {
  return (from) => {
    if (++from.depth > MOST_DEPTH) throw new DamagedValues(`values are nested deeper than ${MOST_DEPTH}`);
    const json = write(from);
    from.depth--;
    return json;
  };
}

function listed(from: AvroBytes, item: () => string): string {
  const items: string[] = [];
  from.items(() => items.push(item()));
  return items.join();
}

const numberJson = (x: number): string => (Number.isFinite(x) ? String(x + 0) : "null");

const timeOf =
  ({ times = 1, parts = 1 }: { times?: number; parts?: number }): Write =>
  (from) =>
    numberJson((Number(from.integer()) * times) / parts);

function textOf(decimal: number | undefined, read: (from: AvroBytes) => Buffer): Write {
  if (decimal === undefined) return (from) => JSON.stringify(read(from).toString());
  return (from) => fixedPoint(twosComplement(read(from)), decimal);
}
