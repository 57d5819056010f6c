import { deserialize, serialize } from "node:v8";

/** TypeScript's ES2023 library lacks growable memory. */
interface Growable {
  readonly byteLength: number;
  grow(bytes: number): void;
}

/** Largest size in bytes. Unused memory is not allocated. */
const MOST_BYTES = 256 << 20;
/** Bytes before the value: its size; 0: there is none. */
const HEAD = 8;

/** A plain value of any size that one thread writes and others read. Reading during a write returns garbage. */
export class SharedValue<T> {
  /** To be passed to other threads. */
  readonly memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer = emptyMemory()) {
    this.memory = memory;
  }

  write(value: T): void {
    const bytes = serialize(value);
    const memory = this.memory as unknown as Growable;
    if (memory.byteLength < HEAD + bytes.length) memory.grow(HEAD + bytes.length);
    new Uint8Array(this.memory).set(bytes, HEAD);
    new Uint32Array(this.memory, 0, 1)[0] = bytes.length;
  }

  /** undefined: nothing was written yet. */
  read(): T | undefined {
    const [length] = new Uint32Array(this.memory, 0, 1);
    return length === 0 ? undefined : (deserialize(new Uint8Array(this.memory).slice(HEAD, HEAD + length)) as T);
  }
}

function emptyMemory(): SharedArrayBuffer {
  const Memory = SharedArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => SharedArrayBuffer;
  return new Memory(HEAD, { maxByteLength: MOST_BYTES });
}
