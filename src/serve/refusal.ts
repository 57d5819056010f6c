import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { ErrorBody } from "./http-errors.js";

/** One answer for many requests, whose bytes are made once. */
export class Refusal {
  private readonly status: number;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly body: string;
  private readonly bytes: Buffer;

  /** @param status a 4xx or 5xx, whose answer may lack a date */
  constructor(status: number, headers: Readonly<Record<string, string>>, body: ErrorBody) {
    this.status = status;
    this.body = JSON.stringify(body);
    this.headers = { ...headers, "content-length": String(Buffer.byteLength(this.body)) };
    const lines = Object.entries(this.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.bytes = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${this.body}`);
  }

  /**
   * Answers a request of which nothing but the head was read. Where the connection is kept and nothing is before it, the bytes go to it as they are: what
   * makes an answer of Node's takes a third of a refusal. `finish` is what tells Node that it was given.
   */
  answer({ httpVersion }: IncomingMessage, response: ServerResponse): void {
    const { socket, shouldKeepAlive } = response;
    if (!socket || !shouldKeepAlive || httpVersion !== "1.1") {
      response.writeHead(this.status, this.headers).end(this.body);
      return;
    }
    socket.write(this.bytes);
    response.emit("finish");
  }
}
