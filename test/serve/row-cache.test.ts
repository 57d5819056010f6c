import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { freePorts } from "../../scripts/kafka-broker.mjs";
import { Rng } from "../../src/core/rng.js";
import { RowCache } from "../../src/row-store/row-cache.js";
import { RowDirectory } from "../../src/row-store/row-directory.js";
import { valkeyAddress } from "../../src/row-store/valkey.js";
import { Dispatcher } from "../../src/serve/threads/dispatcher.js";
import type { Current, HostedModel } from "../../src/serve/threads/host.js";
import { LocalHost } from "../../src/serve/threads/local-host.js";
import { tower } from "./served-specs.js";
import { bodyOf, candidate, trainerOf } from "./trainer.js";

/** The part of the library's client that tests use. */
interface Client {
  dbsize(): Promise<number>;
  keysBuffer(pattern: string): Promise<Buffer[]>;
  getBuffer(name: Buffer): Promise<Buffer | null>;
  set(name: Buffer, value: Buffer | string): Promise<unknown>;
  cluster(...words: (string | number)[]): Promise<unknown>;
  disconnect(): void;
}

const PROGRAM = ["valkey-server", "redis-server"].find((name) => spawnSync(name, ["--version"]).status === 0);
const LIBRARY: { readonly Redis: new (options: object) => Client } | null = await import("iovalkey" as string).catch(
  () => null,
);
const LACKS = !PROGRAM
  ? "neither valkey-server nor redis-server is installed"
  : !LIBRARY
    ? "iovalkey is not installed"
    : "";
if (LACKS) {
  if (process.env.CI) throw new Error(`rows that servers share cannot be tested: ${LACKS}`);
  console.error(`skipped: rows that servers share: ${LACKS}`);
}

/** Memory for about thirty rows: far less than the models have. */
const cacheBytes = 1500;
const folder = () => mkdtempSync(join(tmpdir(), "row-cache-"));
const rng = new Rng(7);
const asked = Array.from({ length: 6 }, () => Array.from({ length: 60 }, () => candidate(rng)));

/** Longer than any delay on a busy machine. */
const PATIENT_MS = 20_000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function server(port: number, ...more: string[]): Promise<ChildProcess> {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder(), ...more];
  const child = spawn(PROGRAM!, args, { stdio: ["ignore", "pipe", "inherit"] });
  closing.push(() => child.kill("SIGKILL"));
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on("data", (text) => String(text).includes("eady to accept connections") && resolve());
    child.on("exit", () => reject(new Error(`${PROGRAM} has ended`)));
  });
  return child;
}

async function client(port: number): Promise<Client> {
  const asks = new LIBRARY!.Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: 2 });
  closing.push(() => asks.disconnect());
  return asks;
}

/** A server that shares the rows of a trainer's model, with its own directory. */
async function scorer(trainer: Awaited<ReturnType<typeof trainerOf>>, url: string, answerMs = PATIENT_MS) {
  const shared = await RowCache.open(url, answerMs);
  const rows = await RowDirectory.open(folder(), { cacheBytes, shared });
  const host = new LocalHost({ rows });
  const now: { current: Current | null } = { current: null };
  host.answer(() => now.current);
  const dispatcher = new Dispatcher(host.lanes);
  const model: HostedModel = await host.open(JSON.parse(JSON.stringify(trainer.spec)), trainer.hash);
  now.current = { model, examples: 0 };
  closing.push(async () => {
    await model.close();
    await rows.close();
    shared.close();
  });
  return {
    counts: shared.counts,
    apply: (states: Parameters<typeof model.apply>[0], number: number) =>
      model.apply(states, trainer.examples, placeOf(trainer.hash, trainer.examples, number)),
    async answers(): Promise<number[][]> {
      const scores: number[][] = [];
      for (const candidates of asked) scores.push([...(await dispatcher.score(bodyOf(candidates), {})).scores]);
      return scores;
    },
  };
}

const placeOf = (run: string, version: number, number: number) => ({
  run,
  number,
  version,
  link: String(number).padStart(16, "a"),
  epoch: 3,
  sent: 12,
  newestEvent: 7,
  held: null,
});

async function learned() {
  const trainer = await trainerOf(tower("exact"));
  for (let i = 0; i < 3; i++) await trainer.learn();
  const whole = () => [...trainer.model.serving.pack("all").states()];
  const expected = async () => {
    const scores: number[][] = [];
    for (const candidates of asked) scores.push(await trainer.answers(candidates));
    return scores;
  };
  return { trainer, whole, expected };
}

describe.skipIf(LACKS)("a row cache shared by servers", () => {
  it("returns rows bit for bit like the disk, and never those of another version", async () => {
    const [port] = await freePorts(1);
    await server(port);
    const { trainer, whole, expected } = await learned();
    const url = `redis://127.0.0.1:${port}`;
    const [one, other] = [await scorer(trainer, url), await scorer(trainer, url)];
    const first = whole();
    trainer.delta();
    for (const each of [one, other]) await each.apply(first, 0);
    expect(await one.answers()).toEqual(await expected());
    expect(one.counts.misses).toBeGreaterThan(100);
    await expect.poll(async () => (await client(port)).dbsize()).toBeGreaterThan(100);
    expect(await other.answers()).toEqual(await expected());
    expect(other.counts.hits).toBeGreaterThan(100);
    // One is an entry ahead: its rows are not those of the other.
    const before = await expected();
    await trainer.learn();
    await one.apply(trainer.delta(), 1);
    expect(await one.answers()).toEqual(await expected());
    expect(await other.answers()).toEqual(before);
    expect(await expected()).not.toEqual(before);
    expect([one.counts.errors, other.counts.errors]).toEqual([0, 0]);
  });

  it("is bypassed for a damaged row, or another one stored under its name", async () => {
    const [port] = await freePorts(1);
    await server(port);
    const { trainer, whole, expected } = await learned();
    const url = `redis://127.0.0.1:${port}`;
    const [one, other] = [await scorer(trainer, url), await scorer(trainer, url)];
    for (const each of [one, other]) await each.apply(whole(), 0);
    await one.answers();
    const asks = await client(port);
    await expect.poll(() => asks.dbsize()).toBeGreaterThan(100);
    const names = await asks.keysBuffer("*");
    const another = await asks.getBuffer(names[0]);
    for (const [i, name] of names.entries())
      await asks.set(name, i === 0 ? "" : i % 2 === 0 ? Buffer.alloc(8) : another!);
    expect(await other.answers()).toEqual(await expected());
    expect(other.counts.errors).toBeGreaterThan(100);
  });

  it("is bypassed while its server is killed, hangs, or is absent, and used again afterwards", async () => {
    const [port] = await freePorts(1);
    const first = await server(port);
    const { trainer, whole, expected } = await learned();
    const each = await scorer(trainer, `valkey://127.0.0.1:${port}`, 200);
    await each.apply(whole(), 0);
    const scores = await expected();
    const asking = (async () => {
      // Not before it was killed, however fast they are.
      for (let i = 0; i < 12 || each.counts.errors === 0; i++) expect(await each.answers()).toEqual(scores);
    })();
    await sleep(30);
    first.kill("SIGKILL");
    await asking;
    const second = await server(port);
    const { hits } = each.counts;
    await expect
      .poll(async () => {
        expect(await each.answers()).toEqual(scores);
        return each.counts.hits;
      })
      .toBeGreaterThan(hits);
    second.kill("SIGSTOP");
    // A late answer before may let it rest for a second.
    const { errors } = each.counts;
    await expect
      .poll(async () => {
        expect(await each.answers()).toEqual(scores);
        return each.counts.errors;
      })
      .toBeGreaterThan(errors);
    second.kill("SIGCONT");
  });

  it("that is unreachable at the start is reported", async () => {
    const [port] = await freePorts(1);
    const notes: string[] = [];
    const shared = await RowCache.open(`redis://127.0.0.1:${port}`, 200, (text) => notes.push(text));
    shared.close();
    expect(notes).toEqual([
      expect.stringMatching(`cannot connect to 127.0.0.1:${port} .*ECONNREFUSED.*: reading rows from`),
    ]);
  });

  it("is refused at the start if the server requires a password, or another one", async () => {
    const [port] = await freePorts(1);
    await server(port, "--requirepass", "right");
    for (const user of ["", ":wrong@", "somebody:right@"])
      await expect(RowCache.open(`redis://${user}127.0.0.1:${port}`)).rejects.toMatchObject({
        code: "usage",
        message: expect.stringMatching(/refused the login: (NOAUTH|WRONGPASS)/),
      });
    const notes: string[] = [];
    (await RowCache.open(`redis://:right@127.0.0.1:${port}`, 200, (text) => notes.push(text))).close();
    expect(notes).toEqual([]);
  });

  it("may be a cluster", async () => {
    const [first, second, ...buses] = await freePorts(4);
    const ports = [first, second];
    const cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port"];
    const nodes = await Promise.all(
      ports.map(async (port, i) => {
        await server(port, ...cluster, String(buses[i]));
        return client(port);
      }),
    );
    const half = 16_384 / nodes.length;
    for (const [i, node] of nodes.entries())
      await node.cluster("ADDSLOTSRANGE", Math.ceil(i * half), Math.ceil((i + 1) * half) - 1);
    await nodes[0].cluster("MEET", "127.0.0.1", second, buses[1]);
    const isWhole = async (node: Client) => String(await node.cluster("INFO")).includes("cluster_state:ok");
    await expect.poll(async () => (await Promise.all(nodes.map(isWhole))).every(Boolean)).toBe(true);
    const { trainer, whole, expected } = await learned();
    const url = `redis://${ports.map((port) => `127.0.0.1:${port}`).join(",")},127.0.0.1:${ports[0]}`;
    const [one, other] = [await scorer(trainer, url), await scorer(trainer, url)];
    for (const each of [one, other]) await each.apply(whole(), 0);
    await one.answers();
    for (const node of nodes) await expect.poll(() => node.dbsize()).toBeGreaterThan(10);
    expect(await other.answers()).toEqual(await expected());
    expect(other.counts.hits).toBeGreaterThan(100);
  });
});

it("an address has hosts, user, password and TLS", () => {
  expect(valkeyAddress("redis://h")).toEqual({ nodes: [{ host: "h", port: 6379 }], tls: false });
  expect(valkeyAddress("valkeys://me:a%40b@a:1,[::1]:2/")).toEqual({
    nodes: [
      { host: "a", port: 1 },
      { host: "::1", port: 2 },
    ],
    tls: true,
    username: "me",
    password: "a@b",
  });
  expect(() => valkeyAddress("redis://me:secret@h:x")).toThrow(/^redis:\/\/…@h:x: not the address/);
  expect(() => valkeyAddress("redis://me:50%@h")).toThrow(/^redis:\/\/…@h: not the address/);
});
