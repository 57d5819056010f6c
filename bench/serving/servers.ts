import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** A server process. */
export interface Running {
  /** Of its score endpoint. */
  readonly url: string;
  /** MiB of resident memory. */
  memory(): number;
  /** Milliseconds of processor time so far, of all its threads. */
  processor(): number;
  /** Files and connections it has open. */
  handles(): number;
}

/** The command line's server for a run, with one scoring thread. */
export function server(out: string, ...more: string[]): ChildProcess {
  const all = ["dist/cli/main.js", "serve", "--checkpoint", out, "--port", "0", "--workers", "1", ...more];
  return spawn(process.execPath, all, { stdio: ["ignore", "pipe", "inherit"] });
}

/** The same, without joining requests. */
export function unjoined(out: string): ChildProcess {
  const file = join(dirname(out), "unjoined.mjs");
  writeFileSync(
    file,
    `
import { createServer, Scorer } from ${JSON.stringify(resolve("dist/index.js"))};
const app = createServer(await Scorer.load(${JSON.stringify(out)}, { workers: 1, mostJoined: 1 }));
console.log(JSON.stringify({ listening: await app.listen({ port: 0, host: "127.0.0.1" }) }));
process.once("SIGTERM", () => process.exit(0));`,
  );
  return spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
}

/** A route that reads the body and returns as much as a score request. */
export function constant(): ChildProcess {
  const program = `
import Fastify from ${JSON.stringify(resolve("node_modules/fastify/fastify.js"))};
const app = Fastify({bodyLimit: 8 << 20});
app.removeAllContentTypeParsers();
app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_, body, done) => done(null, body));
const answer = { scores: [0.15943790972232819], model: "serving", version: 2560, spec_hash: "d30cb4093c04d4ac" };
app.post("/v1/score", async () => answer);
console.log(JSON.stringify({ listening: await app.listen({ port: 0, host: "127.0.0.1" }) }));`;
  return spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
}

export async function withServer<T>(child: ChildProcess, use: (running: Running) => Promise<T>): Promise<T> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    const line = await new Promise<string>((resolve) => child.stdout!.once("data", (data) => resolve(String(data))));
    const at = `/proc/${child.pid}`;
    return await use({
      url: `${JSON.parse(line).listening}/v1/score`,
      memory: () => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${at}/status`, "utf8"))?.[1]) / 1024),
      processor: () => {
        const [, times] = readFileSync(`${at}/stat`, "utf8").split(") ");
        const [user, system] = times.split(" ").slice(11, 13).map(Number);
        return 10 * (user + system);
      },
      handles: () => readdirSync(`${at}/fd`).length,
    });
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}
