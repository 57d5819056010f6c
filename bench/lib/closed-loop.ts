import { setTimeout as sleep } from "node:timers/promises";
import { Connection, percentile, postOf } from "./connection.js";
import { loadProgram, sendBy } from "./load-program.js";

/** A server that has just started on a busy machine may answer nothing, or refuse everything, for longer than a short loop takes. */
const TURNS = 60;
const MOST_TIMES_LONGER = 64;
const PAUSE_MS = 500;

/** Results of a closed loop of connections: each sends its next request when it has its response. */
export interface Load {
  readonly requests_per_second: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Posts a body on keep-alive connections for a time, or a longer one if there is no response of 200 in it. A request that is
 * refused because the machine is busy with something else (503) is sent again, and takes as long as both.
 * @throws Error if a response is neither 200 nor 503, or none is 200
 */
export async function closedLoop(url: string, body: Uint8Array, connections: number, ms: number): Promise<Load> {
  const program = loadProgram();
  for (let turn = 0; turn < TURNS; turn++) {
    const lasting = ms * Math.min(2 ** turn, MOST_TIMES_LONGER);
    const load = await (program
      ? loadBy(program, url, body, connections, lasting)
      : loadHere(url, body, connections, lasting));
    if (load) return load;
    await sleep(PAUSE_MS);
  }
  throw new Error(`${url}: every request was refused`);
}

/** Null if there was no response of 200. */
async function loadBy(
  program: string,
  url: string,
  body: Uint8Array,
  connections: number,
  ms: number,
): Promise<Load | null> {
  const { good, p50, p99 } = await sendBy(program, url, body, { connections, perSecond: 0, warmMs: 0, ms });
  return good > 0 ? { requests_per_second: Math.round((1000 * good) / ms), p50, p99 } : null;
}

/** The same without a compiler. */
async function loadHere(url: string, body: Uint8Array, connections: number, ms: number): Promise<Load | null> {
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
  if (times.length === 0) return null;
  const seconds = (performance.now() - started) / 1000;
  const requests_per_second = Math.round(times.length / seconds);
  return { requests_per_second, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}
