import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { hostToConnect } from "./broker-host.js";

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
 * V8 mark the heap twice as often. Here, large responses are read into their own buffers, and small ones into one that
 * is reused.
 */
export function wholeAnswers({ host: given, port, ssl, onConnect }: Address): Socket {
  const host = hostToConnect(given);
  const answers = new AnswerReader((bytes) => socket.emit("data", bytes));
  const onread = {
    buffer: () => answers.room,
    callback: (length: number, room: Uint8Array) => {
      answers.read(length, room);
      return true;
    },
  };
  const options = { host, port, onread };
  const server = isIP(host) ? {} : { servername: host };
  const socket: Socket = ssl ? connectTls({ ...options, ...server, ...ssl }, onConnect) : connect(options, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

/** Splits a broker's bytes into responses, each including its length prefix. */
export class AnswerReader {
  private readonly take: (answer: Buffer) => void;
  /** Where small responses and beginnings of large ones are read, to be copied. */
  private readonly reused: Buffer;
  private readonly length = Buffer.alloc(LENGTH_BYTES);
  /** The response being received; null until its length is known. */
  private answer: Buffer | null = null;
  /** Number of bytes received of the response, or of its length prefix. */
  private filled = 0;
  private isForeign = false;

  /**
   * @param take called with each response; after an invalid length, with all bytes as they come
   * @param readBytes size of the reused buffer
   */
  constructor(take: (answer: Buffer) => void, readBytes = READ_BYTES) {
    this.take = take;
    this.reused = Buffer.allocUnsafeSlow(readBytes);
  }

  /** Where to write the next bytes: the rest of a large response, or the reused buffer. */
  get room(): Uint8Array {
    const { answer, reused } = this;
    return answer && answer.length - this.filled >= reused.length ? answer.subarray(this.filled) : reused;
  }

  /** Takes the first `length` bytes of `room`, which have been written. */
  read(length: number, room: Uint8Array): void {
    if (room === this.reused) this.push(room.subarray(0, length));
    else this.advance(this.answer!, length);
  }

  /** Adds received bytes, which are copied. */
  private push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.isForeign) at += this.fill(bytes.subarray(at));
    if (at < bytes.length) this.take(Buffer.from(bytes.subarray(at)));
  }

  /** Copies bytes into the length prefix or the response. @returns the number of bytes copied */
  private fill(bytes: Uint8Array): number {
    const target = this.answer ?? this.length;
    const taken = Math.min(bytes.length, target.length - this.filled);
    target.set(bytes.subarray(0, taken), this.filled);
    this.advance(target, taken);
    return taken;
  }

  /** Counts bytes that were written to the length prefix, or to the response. */
  private advance(target: Buffer, bytes: number): void {
    this.filled += bytes;
    if (this.filled < target.length) return;
    if (this.answer === null) this.begin();
    else this.end(this.answer);
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
    this.answer = null;
    this.filled = 0;
    this.take(answer);
  }
}
