import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

const KEEP_ALIVE_MS = 60_000;
const READ_BYTES = 64 << 10;
/** Size of the length prefix of a response, an int32. */
const LENGTH_BYTES = 4;
/** Maximum length of a response. Brokers send less; a greater value means that the bytes are of another protocol. */
const LONGEST_ANSWER = 256 << 20;

interface Address {
  readonly host: string;
  readonly port: number;
  /** TLS options; false or absent: no TLS. */
  readonly ssl?: ConnectionOptions | false | undefined;
  readonly onConnect: () => void;
}

/**
 * Creates a socket that passes complete responses to kafkajs, which would otherwise collect and concatenate the pieces.
 * Responses with lanes' contributions have megabytes, and twice their bytes in buffers outside the JavaScript heap make
 * V8 mark the heap twice as often. Here, pieces are read into one reused buffer and copied into the response's. A TLS
 * socket is an ordinary one, since Node cannot read TLS into a given buffer.
 */
export function wholeAnswers({ host, port, ssl, onConnect }: Address): Socket {
  const server = isIP(host) ? {} : { servername: host };
  const socket = ssl ? connectTls({ host, port, ...server, ...ssl }, onConnect) : connectPlain(host, port, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

function connectPlain(host: string, port: number, onConnect: () => void): Socket {
  const answers = new AnswerReader((bytes) => socket.emit("data", bytes));
  const onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (length: number, buffer: Uint8Array) => {
      answers.push(buffer.subarray(0, length));
      return true;
    },
  };
  const socket = connect({ host, port, onread }, onConnect);
  return socket;
}

/** Splits a broker's bytes into responses, each including its length prefix. */
export class AnswerReader {
  private readonly take: (answer: Buffer) => void;
  private readonly length = Buffer.alloc(LENGTH_BYTES);
  /** The response being received; null until its length is known. */
  private answer: Buffer | null = null;
  /** Number of bytes received of the response, or of its length prefix. */
  private filled = 0;
  private isForeign = false;

  /** @param take called with each response; after an invalid length, with all bytes as they come */
  constructor(take: (answer: Buffer) => void) {
    this.take = take;
  }

  /** Adds received bytes. @param bytes copied, so they may be overwritten afterwards */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.isForeign) at += this.fill(bytes.subarray(at));
    if (at < bytes.length) this.take(Buffer.from(bytes.subarray(at)));
  }

  /** Copies bytes into the length prefix or the response. @returns the number of bytes copied */
  private fill(bytes: Uint8Array): number {
    const target = this.answer ?? this.length;
    const taken = Math.min(bytes.length, target.length - this.filled);
    target.set(bytes.subarray(0, taken), this.filled);
    this.filled += taken;
    if (this.filled < target.length) return taken;
    if (this.answer === null) this.begin();
    else this.end(this.answer);
    return taken;
  }

  /** Allocates the response, whose length prefix is complete. */
  private begin(): void {
    const length = this.length.readInt32BE(0);
    this.isForeign = length < 0 || length > LONGEST_ANSWER;
    if (this.isForeign || length === 0) this.end(Buffer.from(this.length));
    else {
      this.answer = Buffer.allocUnsafe(LENGTH_BYTES + length);
      this.answer.set(this.length);
    }
  }

  private end(answer: Buffer): void {
    [this.answer, this.filled] = [null, 0];
    this.take(answer);
  }
}
