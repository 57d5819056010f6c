import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "../src/checkpoints/store.js";
import { specOf } from "../src/model/load.js";
import { closedLoop } from "./lib/closed-loop.js";
import { openLoop } from "./lib/open-loop.js";
import { lateness } from "./serving/lateness.js";
import { bodyOf, served, trained } from "./serving/model.js";
import { bareRun, decoding } from "./serving/parts.js";
import { reload } from "./serving/reload.js";
import { constant, server, unjoined, withServer } from "./serving/servers.js";

const ratio = (a: number, b: number) => Number((a / b).toFixed(2));
const TEN = served(10, 5000, [256, 256]);
const MANY = served(39, 5000, [512, 256]);

/**
 * Deep Crossing of 256-256 over ten fields behind HTTP, the load on the same cores: one candidate beside a fastify route that answers a
 * constant, a hundred beside the bare ONNX run in one thread, one beside requests of 10,000; requests joined in runs and not; 39 fields and
 * 512-256; a newer checkpoint taken over under load. Decoding a hundred candidates beside JSON.parse with xxhash-wasm.
 */
export async function run(options: { smoke: boolean }): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-serving-"));
  const inside = (name: string) => mkdtempSync(join(folder, name));
  try {
    return {
      what: "Deep Crossing of 256-256, ten fields, one scoring thread; load generator on the same cores",
      ...(await ten(inside("ten-"), options)),
      fields_39_tower_512_256: await many(inside("many-"), options),
      reload: await reload(inside("reload-"), options),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ten(folder: string, { smoke }: { smoke: boolean }): Promise<object> {
  const ms = smoke ? 300 : 4000;
  const body = (count: number) => bodyOf(TEN, count);
  const out = trained(TEN, folder, 2560);
  const spec = specOf(openCheckpoint(out));
  const bare = await bareRun(spec, ms);
  const still = await withServer(constant(), ({ url }) => closedLoop(url, body(1), 64, ms));
  const found = await withServer(server(out), async ({ url }) => {
    for (const count of [1, 100]) await closedLoop(url, body(count), 16, ms / 4);
    const one = await closedLoop(url, body(1), 64, ms);
    const hundred = await closedLoop(url, body(100), 16, ms);
    const alone = await closedLoop(url, body(1), 1, ms);
    const flooded = await openLoop(url, body(100), 3 * hundred.requests_per_second, ms);
    const recovered = await openLoop(url, body(100), 0.5 * hundred.requests_per_second, ms);
    return { one, hundred, alone, flooded, recovered };
  });
  const late = await lateness(out, {
    rate: 0.7 * found.one.requests_per_second,
    many: smoke ? 1000 : 10_000,
    ms: ms / 2,
  });
  const apart = await withServer(unjoined(out), async ({ url }) => {
    for (const count of [1, 100]) await closedLoop(url, body(count), 16, ms / 4);
    const one = await closedLoop(url, body(1), 64, ms);
    return {
      one_candidate_64_connections: one,
      hundred_candidates_16_connections: await closedLoop(url, body(100), 16, ms),
    };
  });
  return {
    decode: await decoding(TEN, spec, smoke ? 20 : 400),
    constant_64_connections: still,
    one_candidate_64_connections: found.one,
    of_constant: ratio(found.one.requests_per_second, still.requests_per_second),
    bare_onnx_candidates_per_second: Math.round(bare),
    hundred_candidates_16_connections: found.hundred,
    of_bare: ratio(found.hundred.requests_per_second * 100, bare),
    requests_not_joined: apart,
    one_candidate_alone: found.alone,
    ...late,
    hundred_candidates_at_3_times: found.flooded,
    good_of_peak: ratio(found.flooded.good_per_second, found.hundred.requests_per_second),
    hundred_candidates_at_half_right_after: found.recovered,
  };
}

async function many(folder: string, { smoke }: { smoke: boolean }): Promise<object> {
  const ms = smoke ? 300 : 4000;
  const out = trained(MANY, folder, 2560);
  const spec = specOf(openCheckpoint(out));
  const bare = await bareRun(spec, ms);
  return withServer(server(out), async ({ url }) => {
    const body = bodyOf(MANY, 100);
    await closedLoop(url, body, 16, ms / 4);
    const hundred = await closedLoop(url, body, 16, ms);
    return {
      decode: await decoding(MANY, spec, smoke ? 20 : 200),
      bare_onnx_candidates_per_second: Math.round(bare),
      hundred_candidates_16_connections: hundred,
      of_bare: ratio(hundred.requests_per_second * 100, bare),
      hundred_candidates_at_half: await openLoop(url, body, 0.5 * hundred.requests_per_second, ms),
    };
  });
}
