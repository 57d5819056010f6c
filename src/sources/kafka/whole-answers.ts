import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

const KEEP_ALIVE_MS = 60_000;
const READ_BYTES = 64 << 10;
/** An answer begins with its length, an int32. */
const LENGTH_BYTES = 4;
/** Brokers answer fetches with less; a greater length is the beginning of another protocol's bytes. */
const LONGEST_ANSWER = 256 << 20;

interface Address {
  readonly host: string;
  readonly port: number;
  /** False or absent: no TLS. */
  readonly ssl?: ConnectionOptions | false | undefined;
  readonly onConnect: () => void;
}

/**
 * Sockets that hand kafkajs whole answers. kafkajs collects the pieces of an answer and then concatenates them: answers with lanes' contributions
 * have megabytes, and twice their bytes in buffers outside the JavaScript heap make V8 mark the heap twice as often. Here, pieces are
 * read into one buffer, which is used again, and copied into the answer's. TLS has no such reads.
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

/** Divides what a broker sends into answers, each with its length. */
export class AnswerReader {
  private readonly take: (answer: Buffer) => void;
  private readonly length = Buffer.alloc(LENGTH_BYTES);
  /** Null until its length is known. */
  private answer: Buffer | null = null;
  /** Bytes of the answer, or of its length, that are there. */
  private filled = 0;
  private isForeign = false;

  /** @param take gets each answer, and whatever else is sent where lengths make no sense */
  constructor(take: (answer: Buffer) => void) {
    this.take = take;
  }

  /** @param bytes may be overwritten afterwards */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.isForeign) at += this.fill(bytes.subarray(at));
    if (at < bytes.length) this.take(Buffer.from(bytes.subarray(at)));
  }

  /** @returns how many of the bytes were taken */
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

  /** The answer's length is there. */
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
