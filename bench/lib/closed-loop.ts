import { setTimeout as sleep } from "node:timers/promises";
import { Connection, percentile, postOf } from "./connection.js";
import { loadProgram, sendBy } from "./load-program.js";

const TURNS = 20;
const PAUSE_MS = 500;

/** Results of a closed loop of connections: each sends its next request when it has its response. */
export interface Load {
  readonly requests_per_second: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Posts a body on keep-alive connections for a time. A request that is refused because the machine is busy with something
 * else (503) is sent again, and takes as long as both.
 * @throws Error if a response is neither 200 nor 503, or none is 200
 */
export async function closedLoop(url: string, body: Uint8Array, connections: number, ms: number): Promise<Load> {
  const program = loadProgram();
  if (program) return closedLoopBy(program, url, body, connections, ms);
  const request = postOf(url, body);
  const times: number[] = [];
  const all = await Connection.openAll(url, connections);
  const started = performance.now();
  const one = async (connection: Connection) => {
    for (let sent = started; performance.now() - started < ms; ) {
      const status = await connection.ask(request);
      if (status === 503) continue;
      if (status !== 200) throw new Error(`${url}: status ${status}`);
      const now = performance.now();
      times.push(now - sent);
      sent = now;
    }
  };
  try {
    await Promise.all(all.map(one));
  } finally {
    for (const connection of all) connection.close();
  }
  if (times.length === 0) throw new Error(`${url}: every request was refused`);
  const seconds = (performance.now() - started) / 1000;
  const requests_per_second = Math.round(times.length / seconds);
  return { requests_per_second, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** A server that has just started on a busy machine may refuse everything for longer than a short loop takes. */
async function closedLoopBy(
  program: string,
  url: string,
  body: Uint8Array,
  connections: number,
  ms: number,
): Promise<Load> {
  for (let turn = 0; turn < TURNS; turn++) {
    const { good, p50, p99 } = await sendBy(program, url, body, { connections, perSecond: 0, warmMs: 0, ms });
    if (good > 0) return { requests_per_second: Math.round((1000 * good) / ms), p50, p99 };
    await sleep(PAUSE_MS);
  }
  throw new Error(`${url}: every request was refused`);
}
