import { createRequire } from "node:module";

/** kafkajs's connection to a broker, with its buffer of a partially received response. */
interface Connection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
  processData(bytes: Buffer): void;
}

/** Size of the length prefix of a response. */
const LENGTH_BYTES = 4;

let forgets = false;

/**
 * kafkajs reconnects with the same connection object, and would append the next response to what it had received of an
 * interrupted one: at best that throws an exception that nothing catches. This clears the buffer on reconnecting. It also
 * drops the empty rest behind a response, which kafkajs would concatenate with the next one, copying all of it.
 */
export function forgetHalfAnswers(): void {
  if (forgets) return;
  forgets = true;
  const { prototype } = createRequire(import.meta.url)("kafkajs/src/network/connection") as { prototype: Connection };
  const { connect, processData } = prototype;
  prototype.connect = function (this: Connection) {
    if (!this.isConnected()) [this.chunks, this.bytesBuffered, this.bytesNeeded] = [[], 0, LENGTH_BYTES];
    return connect.call(this);
  };
  prototype.processData = function (this: Connection, bytes: Buffer) {
    if (this.bytesBuffered === 0) this.chunks = [];
    processData.call(this, bytes);
  };
}
