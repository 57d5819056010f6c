import { connect, type Socket } from "node:net";

const END = Buffer.from("\r\n\r\n");
const LENGTH = Buffer.from("content-length: ");
const ZERO = 48;
/** Maximum size of a chunk of a response. All connections read into the same buffer: a chunk is processed before the next one arrives. */
const memory = Buffer.alloc(1 << 20);

/** A request's bytes. */
export function postOf(url: string, body: Uint8Array): Buffer {
  const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A keep-alive connection of a client that shares its cores with the server: it sends prepared bytes, and does not parse responses. */
export class Connection {
  /** Servers close idle connections. */
  closed = false;
  private readonly socket: Socket;
  private waiting: Buffer | null = null;
  private answered: (status: number) => void = () => {};
  private failed: (error: Error) => void = () => {};

  static open(url: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(url, () => resolve(connection));
      connection.failed = reject;
    });
  }

  static openAll(url: string, count: number): Promise<Connection[]> {
    return Promise.all(Array.from({ length: count }, () => Connection.open(url)));
  }

  private constructor(url: string, opened: () => void) {
    const { hostname, port } = new URL(url);
    const callback = (bytes: number) => this.take(memory.subarray(0, bytes));
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer: memory, callback } }, opened);
    socket.setNoDelay(true);
    socket.on("error", (error) => this.failed(error));
    socket.on("close", () => {
      this.closed = true;
      this.failed(new Error(`${url}: closed`));
    });
    this.socket = socket;
  }

  /** Sends a request. @returns the response's status, when it is complete */
  ask(request: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      [this.answered, this.failed] = [resolve, reject];
      this.socket.write(request);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private take(came: Buffer): boolean {
    const whole = this.waiting ? Buffer.concat([this.waiting, came]) : came;
    const status = statusOf(whole);
    this.waiting = status === undefined ? Buffer.from(whole) : null;
    if (status !== undefined) this.answered(status);
    return true;
  }
}

/** Of a response; undefined if it is incomplete. */
function statusOf(answer: Buffer): number | undefined {
  const end = answer.indexOf(END);
  if (end < 0) return undefined;
  let length = 0;
  for (let at = answer.indexOf(LENGTH) + LENGTH.length; answer[at] >= ZERO; at++)
    length = 10 * length + answer[at] - ZERO;
  if (answer.length < end + END.length + length) return undefined;
  return 100 * (answer[9] - ZERO) + 10 * (answer[10] - ZERO) + answer[11] - ZERO;
}

/** Rounded to hundredths. */
export function percentile(values: number[], share: number): number {
  const sorted = values.sort((a, b) => a - b);
  return Number((sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2));
}
