import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../scripts/kafka-broker.mjs";
import { RowCache } from "../src/row-store/row-cache.js";
import { RowDirectory } from "../src/row-store/row-directory.js";
import { bodyOf, CANDIDATES, forget, load, ROW_BYTES, Scoring, told, zipf } from "./lib/row-scoring.js";

const SERVERS = ["valkey-server", "redis-server"];

/**
 * What a Valkey or Redis server in front of a scorer's disk gains: the first requests of a scorer that has just started with nothing in memory, its
 * rows on the disk (not in the operating system's cache), in that cache, and in the server, which another scorer has filled.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object | null> {
  const program = SERVERS.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!program) {
    console.error("skipped: neither valkey-server nor redis-server is installed");
    return null;
  }
  const rows = smoke ? 5_000 : 1_000_000;
  const path = mkdtempSync(join(tmpdir(), "row-cache-"));
  const draw = zipf(rows);
  const asked = Array.from({ length: smoke ? 5 : 300 }, () => bodyOf(draw));
  const directory = await RowDirectory.open(path, { cacheBytes: 0.1 * rows * ROW_BYTES });
  const first = await Scoring.open(directory);
  await load(first, rows);
  await first.close();
  await directory.close();
  const [server, url] = await serving(program);
  // A smoke run's machine is busy with something else; after an answer that is late, the server is not asked for a second.
  const shared = await RowCache.open(url, smoke ? 30_000 : 1000);
  const again = (cold: boolean, cache?: RowCache) => started({ path, rows, asked, cold, cache });
  const sameAs = ({ scores }: Started, other: Started) => {
    if (Buffer.compare(scores, other.scores) !== 0) throw new Error("scores differ");
  };
  try {
    const [disk, memory] = [await again(true), await again(false)];
    await again(false, shared);
    const filled = { ...shared.counts };
    const fromServer = await again(true, shared);
    const hits = shared.counts.hits - filled.hits;
    for (const other of [memory, fromServer]) sameAs(disk, other);
    if (hits === 0) throw new Error(`row cache: ${JSON.stringify(shared.counts)}`);
    return {
      what: WHAT,
      rows,
      candidates: CANDIDATES,
      requests: asked.length,
      disk: disk.told,
      memory: memory.told,
      server: { ...fromServer.told, hits },
    };
  } finally {
    shared.close();
    server.kill("SIGKILL");
  }
}

const WHAT =
  "the first requests of a scorer with nothing in memory: rows on disk, in the operating system's file cache, and in a server on the same machine (missing rows are read from disk)";

interface Start {
  readonly path: string;
  readonly rows: number;
  readonly asked: readonly Buffer[];
  /** Makes sure that the file is not in the operating system's cache. */
  readonly cold: boolean;
  readonly cache: RowCache | undefined;
}

interface Started {
  readonly told: object;
  /** f32, of the first requests. */
  readonly scores: Buffer;
}

async function started({ path, rows, asked, cold, cache: shared }: Start): Promise<Started> {
  if (cold) forget(join(path, "1/data.mdb"));
  const directory = await RowDirectory.open(path, { cacheBytes: 0.1 * rows * ROW_BYTES, ...(shared && { shared }) });
  const { kept } = directory;
  const scoring = await Scoring.open(directory);
  await scoring.goOn(kept!);
  const times = await scoring.times(asked);
  const scores: Buffer[] = [];
  for (const body of asked.slice(0, 20)) scores.push(Buffer.from((await scoring.score(body)).slice().buffer));
  await scoring.close();
  await directory.close();
  return { told: told(times), scores: Buffer.concat(scores) };
}

async function serving(program: string): Promise<[ChildProcess, string]> {
  const [port] = await freePorts(1);
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", ""];
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve) => {
    server.stdout!.on("data", (text) => String(text).includes("eady to accept connections") && resolve());
  });
  return [server, `redis://127.0.0.1:${port}`];
}
