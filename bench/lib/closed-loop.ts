import { connect, type Socket } from "node:net";

/** What a closed loop of connections saw: each sends its next request when it has its answer. */
export interface Load {
  readonly requests_per_second: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const END = Buffer.from("\r\n\r\n");

/** Posts a body on keep-alive connections for so long. @throws Error where an answer is not 200 */
export async function closedLoop(url: string, body: Uint8Array, connections: number, ms: number): Promise<Load> {
  const { hostname, port } = new URL(url);
  const request = postOf(url, body);
  const times: number[] = [];
  const started = performance.now();
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      let sent = 0;
      const send = () => {
        sent = performance.now();
        socket.write(request);
      };
      socket.setNoDelay(true);
      socket.on("error", reject);
      socket.on("close", () => resolve());
      answers(socket, (status) => {
        times.push(performance.now() - sent);
        if (status !== 200) socket.destroy(new Error(`${url}: status ${status}`));
        else if (performance.now() - started < ms) send();
        else socket.destroy();
      });
      send();
    });
  await Promise.all(Array.from({ length: connections }, one));
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => Number(times[Math.floor(times.length * share)].toFixed(2));
  return { requests_per_second: Math.round(times.length / seconds), p50: at(0.5), p99: at(0.99) };
}

/** A request's bytes. */
export function postOf(url: string, body: Uint8Array): Buffer {
  const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** Calls back with the status of every answer that has come whole. */
export function answers(socket: Socket, answered: (status: number) => void): void {
  let waiting: Buffer = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    waiting = waiting.length > 0 ? Buffer.concat([waiting, data]) : data;
    const end = waiting.indexOf(END);
    if (end < 0) return;
    const head = waiting.toString("latin1", 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (waiting.length < end + END.length + length) return;
    waiting = Buffer.alloc(0);
    answered(Number(head.slice(9, 12)));
  });
}
