import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { openSink } from "../../src/delta-log/open.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import { EventTimes } from "../../src/delta-log/times.js";
import { servedSpec } from "../model/served.js";
import { fileServer } from "../object-store/file-server.js";
import { candidate, trainerOf } from "../serve/trainer.js";
import { until } from "../until.js";
import { ended, run, start, temporary } from "./hashbrook.js";

/** Learns pseudo-random events and publishes after each batch; records each version's scores for `asked`. */
async function trainerInto(log: string, asked: readonly object[]) {
  const trainer = await trainerOf(servedSpec("deep_crossing"));
  const { model, spec, hash } = trainer;
  const sink = await openSink(log, { epoch: 1, now: Date.now });
  const publisher = new Publisher({ sink, spec, run: hash, snapshotEvery: 20 });
  const answers = new Map<number, number[]>();
  const changes = model.serving.changes();
  const step = async () => {
    const times = new EventTimes();
    times.add(Float64Array.from({ length: 64 }, () => Date.now() - 5));
    await trainer.learn();
    answers.set(trainer.examples, await trainer.answers(asked));
    await publisher.publish(model.serving, trainer.examples, times.take(), changes.take());
  };
  return { step, answers, hash, version: () => trainer.examples, close: () => model.close() };
}

const servers: ChildProcess[] = [];
afterAll(() => {
  for (const server of servers) server.kill("SIGKILL");
});

async function serve(log: string, ...more: string[]): Promise<{ server: ChildProcess; url: string }> {
  const server = start(["serve", "--follow", log, "--port", "0", ...more]);
  servers.push(server);
  const line = await new Promise<string>((resolve) => server.stdout!.once("data", (data) => resolve(String(data))));
  return { server, url: JSON.parse(line).listening };
}

const ready = (url: string, version = 0) =>
  until(async () => {
    const health = await fetch(`${url}/v2/health/ready`);
    return health.ok && ((await health.json()) as { version: number }).version >= version;
  });

it("serve --follow DIR: versions increase, each response has the bits of one version, and a restart continues", async () => {
  const log = join(temporary(), "log");
  const rng = new Rng(7);
  const asked = Array.from({ length: 40 }, () => candidate(rng));
  const trainer = await trainerInto(log, asked);
  let { server, url } = await serve(log);
  const body = JSON.stringify({ candidates: asked });
  const post = () =>
    fetch(`${url}/v1/score`, { method: "POST", headers: { "content-type": "application/json" }, body });

  const before = await fetch(`${url}/v2/health/ready`);
  expect([before.status, await before.json()]).toEqual([
    503,
    expect.objectContaining({ ready: false, damaged: 0, max_staleness: 300 }),
  ]);
  const early = await post();
  expect([early.status, await early.json()]).toEqual([503, expect.objectContaining({ code: "not_ready" })]);
  await trainer.step();
  await ready(url);

  const seen = new Set<number>();
  const check = async () => {
    // Of two concurrent requests, either may be answered first.
    const newest = Math.max(0, ...seen);
    const response = await post();
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { scores: number[]; version: number; spec_hash: string };
    expect(answer.spec_hash).toBe(trainer.hash);
    expect(answer.scores).toEqual(trainer.answers.get(answer.version));
    expect(answer.version).toBeGreaterThanOrEqual(newest);
    seen.add(answer.version);
    return answer.version;
  };
  let steps = 0;
  // A follower polls every 50 ms: train enough steps for it to serve several versions.
  for (; steps < 50 || seen.size <= 5; steps++) {
    await trainer.step();
    await Promise.all([check(), check()]);
    if (steps === 25) {
      server.kill("SIGKILL");
      await ended(server);
      ({ server, url } = await serve(log));
      // It starts at the newest snapshot, then catches up.
      await ready(url, Math.max(...seen));
    }
  }
  await until(async () => (await check()) === trainer.version());
  expect(Math.max(...seen)).toBe(trainer.version());

  const health = await (await fetch(`${url}/v2/health/ready`)).json();
  expect(health).toMatchObject({
    ready: true,
    version: trainer.version(),
    entry: steps,
    epoch: 1,
    resyncs: 0,
    trouble: null,
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(
    new RegExp(`^hashbrook_model_version\\{model="[^"]+",label="stable"\\} ${trainer.version()}$`, "m"),
  );
  expect(metrics).toMatch(/hashbrook_score_requests_total\{status="200"\} \d+/);
  expect(metrics).toMatch(/hashbrook_replica_applied_total\{.*\} \d+/);
  expect(metrics).toMatch(/hashbrook_freshness_quantile_seconds\{quantile="0.99"\} \d+\.\d+/);
  server.kill("SIGTERM");
  expect((await ended(server)).status).toBe(0);
  await trainer.close();
});

it("is not ready after no entry arrived for longer than --max-staleness", async () => {
  const log = join(temporary(), "log");
  const trainer = await trainerInto(log, []);
  const { server, url } = await serve(log, "--max-staleness", "2");
  const health = () => fetch(`${url}/v2/health/ready`);
  /** Ready for two seconds after each step: repeats the step if they are over before the request. */
  const readyAfterStep = async () => {
    for (let asked = 0; ; asked++) {
      if (asked % 50 === 0) await trainer.step();
      if ((await health()).ok) return;
      await sleep(20);
    }
  };
  await readyAfterStep();
  let stale = await health();
  for (; stale.ok; stale = await health()) await sleep(50);
  expect([stale.status, await stale.json()]).toEqual([
    503,
    expect.objectContaining({ ready: false, version: trainer.version() }),
  ]);
  await readyAfterStep();
  server.kill("SIGTERM");
  await ended(server);
  await trainer.close();
});

it("says at its start that no broker answers: only readiness did", async () => {
  const server = start(["serve", "--follow", "kafka://127.0.0.1:1/deltas", "--port", "0", "--workers", "0"]);
  servers.push(server);
  const line = await new Promise<string>((resolve) => server.stderr!.once("data", (data) => resolve(String(data))));
  expect(line).toMatch(
    /^hashbrook: kafka:\/\/127\.0\.0\.1:1\/deltas: cannot be followed: .*ECONNREFUSED.*; trying again\n$/,
  );
  server.kill("SIGTERM");
  expect((await ended(server)).status).toBe(0);
});

it("refuses contradicting flags", async () => {
  for (const flags of [
    [],
    ["--checkpoint", "a", "--follow", "b"],
    ["--checkpoint", "a", "--max-staleness", "3"],
    ["--follow", "ftp://x/y"],
  ]) {
    const { status, stderr } = await run(["serve", ...flags]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/serve:|delta log/)]);
  }
});

it("serve --follow http://…: scores with the trainer's bits from objects on a web server", async () => {
  const log = join(temporary(), "log");
  const rng = new Rng(7);
  const asked = Array.from({ length: 40 }, () => candidate(rng));
  const trainer = await trainerInto(`objects:${log}`, asked);
  for (let step = 0; step < 3; step++) await trainer.step();
  const { server, url } = await serve(await fileServer(log));
  await trainer.step();
  await ready(url, trainer.version());
  const body = JSON.stringify({ candidates: asked });
  const response = await fetch(`${url}/v1/score`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const { scores, version } = (await response.json()) as { scores: number[]; version: number };
  expect(version).toBe(trainer.version());
  expect(scores).toEqual(trainer.answers.get(version));
  server.kill("SIGTERM");
  expect((await ended(server)).status).toBe(0);
  await trainer.close();
});
