import { connect, type Socket } from "node:net";
import { answers, postOf } from "./closed-loop.js";

/** What clients saw that send at a fixed rate, whatever is answered. */
export interface OpenLoad {
  readonly offered_per_second: number;
  /** Answers of 200. */
  readonly good_per_second: number;
  /** Answers of 503. */
  readonly refused_per_second: number;
  /** Milliseconds from when a request was due to its answer, of those with 200. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds that the client itself was late in sending, which the others hold: where it is near to them, they tell of the client. */
  readonly client_late_p50: number;
  readonly client_late_p99: number;
}

/** Connections at most: a request that finds none free waits for one, and its wait counts. */
const CONNECTIONS = 512;

/** Posts a body at a rate for so long, and waits for all answers. @throws Error where an answer is neither 200 nor 503 */
export async function openLoop(url: string, body: Uint8Array, perSecond: number, ms: number): Promise<OpenLoad> {
  const { hostname, port } = new URL(url);
  const request = postOf(url, body);
  const [idle, due]: [Socket[], number[]] = [[], []];
  const open = new Set<Socket>();
  const times: number[] = [];
  const late: number[] = [];
  let [sent, refused, wrong] = [0, 0, 0];
  const sentAt = new Map<Socket, number>();
  const send = (socket: Socket, at: number) => {
    sentAt.set(socket, at);
    socket.write(request);
  };
  const connected = (at: number) => {
    const socket = connect(Number(port), hostname).setNoDelay(true);
    open.add(socket);
    socket.on("error", () => wrong++);
    answers(socket, (status) => {
      if (status === 200) times.push(performance.now() - sentAt.get(socket)!);
      else if (status === 503) refused++;
      else wrong++;
      const next = due.shift();
      if (next === undefined) idle.push(socket);
      else send(socket, next);
    });
    send(socket, at);
  };
  const started = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now() - started;
      for (; sent < (Math.min(now, ms) * perSecond) / 1000; sent++) {
        const at = started + (sent * 1000) / perSecond;
        late.push(performance.now() - at);
        const socket = idle.pop();
        if (socket) send(socket, at);
        else if (open.size < CONNECTIONS) connected(at);
        else due.push(at);
      }
      if (now < ms || times.length + refused + wrong < sent) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  const seconds = (performance.now() - started) / 1000;
  for (const socket of open) socket.destroy();
  if (wrong > 0) throw new Error(`${url}: ${wrong} of ${sent} answers are neither 200 nor 503`);
  const each = (count: number) => Math.round(count / seconds);
  return {
    offered_per_second: Math.round(perSecond),
    good_per_second: each(times.length),
    refused_per_second: each(refused),
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    client_late_p50: percentile(late, 0.5),
    client_late_p99: percentile(late, 0.99),
  };
}

function percentile(values: number[], share: number): number {
  const sorted = values.sort((a, b) => a - b);
  return Number((sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2));
}
