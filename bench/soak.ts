import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postOf } from "./lib/connection.js";
import { openLoop } from "./lib/open-loop.js";
import { bodyOf, served, trained } from "./serving/model.js";
import { type Running, server, withServer } from "./serving/servers.js";

const MODEL = served(10, 5000, [64]);
/** Duration of each load. */
const CONNECTIONS = 32;

/**
 * A server during ten minutes of requests at a constant rate, small ones and large ones, with clients that disconnect during their request, that send
 * garbage, and that connect and stay silent: its memory and its open handles, minute by minute.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-soak-"));
  const [slices, ms] = smoke ? [2, 500] : [10, 60_000];
  try {
    return await withServer(server(trained(MODEL, folder, 2560)), async (running) => {
      const minutes = [];
      for (let i = 0; i < slices; i++) minutes.push(await slice(running, ms));
      const memory = minutes.map(({ memory_mib }) => memory_mib);
      return { minutes, growth_mib_from_the_second_on: memory.at(-1)! - memory[1] };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function slice({ url, memory, handles }: Running, ms: number) {
  const rude = setInterval(() => beRude(url), 50);
  const [one, hundred] = await Promise.all([
    openLoop(url, bodyOf(MODEL, 1), 200, ms, CONNECTIONS),
    openLoop(url, bodyOf(MODEL, 100), 20, ms, CONNECTIONS),
    openLoop(url, bodyOf(MODEL, 5000), 1, ms, CONNECTIONS),
  ]);
  clearInterval(rude);
  return { memory_mib: memory(), handles: handles(), one_p99: one.p99, hundred_p99: hundred.p99 };
}

/** Three misbehaving clients. */
function beRude(url: string): void {
  const { hostname, port } = new URL(url);
  const request = postOf(url, bodyOf(MODEL, 100));
  for (const bytes of [
    request.subarray(0, request.length - 100),
    Buffer.from("\u0000nonsense\r\n\r\n"),
    Buffer.alloc(0),
  ]) {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on("error", () => {});
    setTimeout(() => socket.destroy(), 100);
  }
}
