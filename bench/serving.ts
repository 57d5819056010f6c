import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "../src/checkpoints/store.js";
import { specOf } from "../src/model/load.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { closedLoop } from "./lib/closed-loop.js";
import { loadProgram } from "./lib/load-program.js";
import { openLoop } from "./lib/open-loop.js";
import { lateness } from "./serving/lateness.js";
import { bodyOf, served, trained } from "./serving/model.js";
import { bareBeside, bareRun, decoding } from "./serving/parts.js";
import { reload } from "./serving/reload.js";
import { constant, server, unjoined, withServer } from "./serving/servers.js";
import { stolenSince } from "./serving/stolen.js";

const ratio = (a: number, b: number) => Number((a / b).toFixed(2));
const TEN = served(10, 5000, [256, 256]);
const MANY = served(39, 5000, [512, 256]);

interface Options {
  readonly smoke: boolean;
  /** Names of the parts to measure. Default: all. */
  readonly only?: readonly string[] | undefined;
}

/**
 * Deep Crossing of 256-256 over ten fields behind HTTP, with the load on the same cores: one candidate compared with a fastify route that returns a
 * constant, a hundred compared with the bare ONNX run in one thread (alone, and during as many requests for the constant), one during requests of 10,000; requests joined in runs or not; 39 fields and
 * 512-256; switching to a newer checkpoint under load. Decoding a hundred candidates compared with JSON.parse and xxhash-wasm.
 * @throws Error if there is no such part
 */
export async function run(options: Options): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-serving-"));
  try {
    const all = partsOf(options, (name) => mkdtempSync(join(folder, name)));
    const unknown = options.only?.find((name) => !(name in all));
    if (unknown !== undefined) throw new Error(`unknown part ${unknown}; parts: ${Object.keys(all).join(", ")}`);
    const found: object = {
      what: "Deep Crossing of 256-256, ten fields, one scoring thread; load generator on the same cores",
      load: loadProgram() ? "bench/lib/load.c" : "JavaScript",
    };
    const stolen_percent: Record<string, number> = {};
    for (const [name, part] of Object.entries(all)) {
      if (options.only && !options.only.includes(name)) continue;
      const stolen = stolenSince();
      Object.assign(found, await part());
      stolen_percent[name] = stolen();
    }
    return { ...found, stolen_percent };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function partsOf(options: Options, inside: (name: string) => string): Record<string, () => Promise<object>> {
  const { smoke } = options;
  const ms = smoke ? 150 : 4000;
  let run: string | undefined;
  const out = () => {
    run ??= trained(TEN, inside("ten-"), 2560);
    return run;
  };
  return {
    decode: async () => ({ decode: await decoding(TEN, specOf(openCheckpoint(out())), smoke ? 20 : 400) }),
    one: () => one(out(), { many: smoke ? 1000 : 10_000, turns: smoke ? 1 : 5, ms }),
    hundred: () => hundred(out(), ms),
    unjoined: () => apart(out(), ms),
    many: async () => ({ fields_39_tower_512_256: await many(inside("many-"), options) }),
    reload: async () => ({ reload: await reload(inside("reload-"), options) }),
  };
}

const body = (count: number) => bodyOf(TEN, count);

async function one(out: string, size: { many: number; turns: number; ms: number }): Promise<object> {
  const { ms } = size;
  const still = await withServer(constant(), async ({ url }) => {
    await closedLoop(url, body(1), 16, ms / 2);
    return closedLoop(url, body(1), 64, ms);
  });
  const [found, alone] = await withServer(server(out), async ({ url }) => {
    await closedLoop(url, body(1), 16, ms / 2);
    return [await closedLoop(url, body(1), 64, ms), await closedLoop(url, body(1), 1, ms)];
  });
  const rates = { peak: found.requests_per_second, constantPeak: still.requests_per_second };
  return {
    constant_64_connections: still,
    one_candidate_64_connections: found,
    of_constant: ratio(found.requests_per_second, still.requests_per_second),
    one_candidate_alone: alone,
    ...(await lateness(out, { ...rates, ...size, ms: ms / 2 })),
  };
}

async function hundred(out: string, ms: number): Promise<object> {
  const spec = specOf(openCheckpoint(out));
  const bare = await bareRun(spec, ms);
  const asked = await withServer(server(out), async ({ url }) => {
    await closedLoop(url, body(100), 16, ms);
    const found = await closedLoop(url, body(100), 16, ms);
    const flooded = await openLoop(url, body(100), 3 * found.requests_per_second, ms);
    const recovered = await openLoop(url, body(100), 0.5 * found.requests_per_second, ms);
    return {
      bare_onnx_candidates_per_second: Math.round(bare),
      hundred_candidates_16_connections: found,
      of_bare: ratio(found.requests_per_second * 100, bare),
      hundred_candidates_at_3_times: flooded,
      good_of_peak: ratio(flooded.good_per_second, found.requests_per_second),
      hundred_candidates_at_half_right_after: recovered,
    };
  });
  const rate = asked.hundred_candidates_16_connections.requests_per_second;
  return { ...asked, ...(await beside(spec, body(100), rate, ms)) };
}

/** What remains for the bare run if HTTP and the clients use the same cores. */
async function beside(spec: CompiledSpec, body: Uint8Array, perSecond: number, ms: number): Promise<object> {
  const found = await bareBeside(spec, body, perSecond, ms);
  return {
    bare_onnx_beside_a_constant: Math.round(found),
    of_bare_beside_a_constant: ratio(100 * perSecond, found),
  };
}

async function apart(out: string, ms: number): Promise<object> {
  const requests_not_joined = await withServer(unjoined(out), async ({ url }) => {
    for (const count of [1, 100]) await closedLoop(url, body(count), 16, ms / 4);
    return {
      one_candidate_64_connections: await closedLoop(url, body(1), 64, ms),
      hundred_candidates_16_connections: await closedLoop(url, body(100), 16, ms),
    };
  });
  return { requests_not_joined };
}

async function many(folder: string, { smoke }: Options): Promise<object> {
  const ms = smoke ? 300 : 4000;
  const out = trained(MANY, folder, 2560);
  const spec = specOf(openCheckpoint(out));
  const bare = await bareRun(spec, ms);
  const body = bodyOf(MANY, 100);
  const asked = await withServer(server(out), async ({ url }) => {
    await closedLoop(url, body, 16, ms);
    const hundred = await closedLoop(url, body, 16, ms);
    return {
      decode: await decoding(MANY, spec, smoke ? 20 : 200),
      bare_onnx_candidates_per_second: Math.round(bare),
      hundred_candidates_16_connections: hundred,
      of_bare: ratio(hundred.requests_per_second * 100, bare),
      hundred_candidates_at_half: await openLoop(url, body, 0.5 * hundred.requests_per_second, ms),
    };
  });
  const rate = asked.hundred_candidates_16_connections.requests_per_second;
  return { ...asked, ...(await beside(spec, body, rate, ms)) };
}
