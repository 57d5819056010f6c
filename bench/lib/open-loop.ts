import { Connection, percentile, postOf } from "./connection.js";
import { type Counted, loadProgram, type Sent, sendBy } from "./load-program.js";

/** Results of clients that send at a fixed rate, independent of responses. */
export interface OpenLoad {
  readonly offered_per_second: number;
  /** Answers of 200. */
  readonly good_per_second: number;
  /** Answers of 503. */
  readonly refused_per_second: number;
  /** Milliseconds from when a request was due to its response, for responses of 200. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds by which the client itself was late, which the others include: if they are close to it, they measure the client. */
  readonly client_late_p50: number;
  readonly client_late_p99: number;
}

/** A request without a free connection waits for one, and its wait counts. */
const CONNECTIONS = 512;
/** Warm-up that is not counted: half a thousand connections are new to both sides. */
const WARM_MS = 500;

/**
 * Posts a body at a rate for a time, on connections opened before, and waits for all responses.
 * @throws Error if a response is neither 200 nor 503
 */
export async function openLoop(
  url: string,
  body: Uint8Array,
  perSecond: number,
  ms: number,
  connections = CONNECTIONS,
): Promise<OpenLoad> {
  const program = loadProgram();
  const sent = { connections, perSecond, warmMs: Math.min(WARM_MS, ms / 4), ms };
  const counted = await (program ? sendBy(program, url, body, sent) : sendHere(url, body, sent));
  const { good, refused, late_p50, late_p99, ...times } = counted;
  const each = (count: number) => Math.round((1000 * count) / ms);
  return {
    offered_per_second: Math.round(perSecond),
    good_per_second: each(good),
    refused_per_second: each(refused),
    ...times,
    client_late_p50: late_p50,
    client_late_p99: late_p99,
  };
}

/** Without a compiler. */
async function sendHere(url: string, body: Uint8Array, sending: Sent): Promise<Counted> {
  const { connections, perSecond, warmMs: warm, ms } = sending;
  const request = postOf(url, body);
  const all: Connection[] = [];
  // A server closes a connection without a request in its first seconds.
  while (all.length < connections) {
    const connection = await Connection.open(url);
    await connection.ask(request);
    all.push(connection);
  }
  const idle = all.slice();
  const due: number[] = [];
  const [times, late]: number[][] = [[], []];
  const started = performance.now() + warm;
  const counted = (at: number) => at >= started && at < started + ms;
  let [sent, answered, good, refused] = [0, 0, 0, 0];
  const take = (status: number, at: number) => {
    const now = performance.now();
    answered++;
    if (status === 200 && counted(at)) times.push(now - at);
    if (status === 200 && counted(now)) good++;
    if (status === 503 && counted(now)) refused++;
    if (status !== 200 && status !== 503) throw new Error(`${url}: status ${status}`);
  };
  const use = async (found: Connection, first: number) => {
    const connection = found.closed ? await Connection.open(url) : found;
    if (found.closed) all.push(connection);
    for (let at: number | undefined = first; at !== undefined; at = due.shift())
      take(await connection.ask(request), at);
    idle.push(connection);
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setInterval(() => {
        const now = performance.now();
        for (;;) {
          const at = started - warm + (sent * 1000) / perSecond;
          if (at > Math.min(now, started + ms)) break;
          sent++;
          if (counted(at)) late.push(now - at);
          const connection = idle.pop();
          if (connection) use(connection, at).catch(reject);
          else due.push(at);
        }
        if (now < started + ms || answered < sent) return;
        clearInterval(timer);
        resolve();
      }, 1);
    });
  } finally {
    for (const connection of all) connection.close();
  }
  return {
    good,
    refused,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    late_p50: percentile(late, 0.5),
    late_p99: percentile(late, 0.99),
  };
}
