import { createRequire } from "node:module";

/** kafkajs's connection to a broker, and what it has received of an answer that is not whole. */
interface Connection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
}

/** Of an answer's length, which comes first. */
const LENGTH_BYTES = 4;

let forgets = false;

/**
 * kafkajs connects again with the object that lost its connection, and would read the next answer behind half of the last one: at best an
 * exception that nobody catches. What was received is forgotten instead.
 */
export function forgetHalfAnswers(): void {
  if (forgets) return;
  forgets = true;
  const { prototype } = createRequire(import.meta.url)("kafkajs/src/network/connection") as { prototype: Connection };
  const { connect } = prototype;
  prototype.connect = function (this: Connection) {
    if (!this.isConnected()) [this.chunks, this.bytesBuffered, this.bytesNeeded] = [[], 0, LENGTH_BYTES];
    return connect.call(this);
  };
}
