import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { postOf } from "./connection.js";

/** What bench/lib/load.c prints. Times in milliseconds. */
export interface Counted {
  /** Responses of 200. */
  readonly good: number;
  /** Responses of 503. */
  readonly refused: number;
  readonly p50: number;
  readonly p99: number;
  readonly late_p50: number;
  readonly late_p99: number;
}

/** How requests are sent. */
export interface Sent {
  readonly connections: number;
  /** Requests, independent of responses; 0: each connection sends its next one when it has its response. */
  readonly perSecond: number;
  readonly warmMs: number;
  readonly ms: number;
}

const WARNING = "no C compiler (cc): load is generated in JavaScript, which takes half of the server's processor time";
let compiled: string | null | undefined;

/** Path of the compiled load generator; null without a compiler. */
export function loadProgram(): string | null {
  if (compiled !== undefined) return compiled;
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-load-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "load");
  try {
    execFileSync("cc", ["-O2", "-o", path, "bench/lib/load.c"], { stdio: "pipe" });
    compiled = path;
  } catch {
    console.warn(WARNING);
    compiled = null;
  }
  return compiled;
}

/**
 * Posts a body with the load generator.
 * @throws Error if a response is neither 200 nor 503
 */
export async function sendBy(program: string, url: string, body: Uint8Array, sent: Sent): Promise<Counted> {
  const { hostname, port } = new URL(url);
  const words = [hostname, port, sent.connections, sent.perSecond, sent.warmMs, sent.ms].map(String);
  const child = spawn(program, words, { stdio: "pipe" });
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stdin.end(postOf(url, body));
  const [found, problem, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (status !== 0) throw new Error(`${url}: ${problem}`);
  return JSON.parse(found) as Counted;
}
