import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { parseSpec } from "../../src/spec/parse.js";
import { type Holder, OwnerServer } from "../../src/train/lanes/owners/owner-server.js";
import { OwnersClient } from "../../src/train/lanes/owners/owners-client.js";
import { nameOf, partsOf, placeOf, unpackPush } from "../../src/train/lanes/owners/push.js";
import { RoundOver } from "../../src/train/lanes/owners/round-over.js";
import { isShardBlock, mostShards } from "../../src/train/lanes/owners/split-tables.js";
import { trainJob } from "../../src/train/train.js";

const RUN = "spec topic";
const SIZES = { rows: 7, capacity: 9, bytes: 100 };
const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

/** Shards whose vectors encode table, shard, key and the owner's number. */
const holderOf = (owner: number): Holder => ({
  vectorsOf: (table, shard, keys) =>
    Float32Array.from(keys, (key) => Number(key) + 100 * shard + 1000 * owner + table.length),
  sizesOf: () => SIZES,
  digest: () => "",
  save: (directory) => ({
    files: [{ name: `${owner}.safetensors`, bytes: 1, xxh64: directory, blocks: [] }],
    sizes: { ids: SIZES },
  }),
});

async function serverOf(owner: number, run = RUN): Promise<OwnerServer> {
  const server = await OwnerServer.open("127.0.0.1", run, holderOf(owner));
  closing.push(server);
  return server;
}

/** A client of owners at these addresses, which may change; `over` are the rounds that all lanes have contributed to. */
function clientOf(urls: string[], over: ReadonlySet<number> = new Set()) {
  const stopping = new AbortController();
  const client = new OwnersClient({ count: urls.length, run: RUN, out: "runs", stop: stopping.signal });
  client.attach({
    owner: (number) => ({ number, of: urls.length, url: urls[number] }),
    isOver: (round) => over.has(round),
    wait: (milliseconds) => sleep(milliseconds),
  });
  closing.push(client);
  return { client, stopping };
}

const keys = (...given: number[]) => BigUint64Array.from(given, BigInt);

it("rows come from the owners of their shards, in the order requested, along with the size of each shard", async () => {
  const servers = [await serverOf(0), await serverOf(1)];
  for (const server of servers) server.begin(3);
  const { client } = clientOf(servers.map(({ url }) => url));
  const asked = [2, 1, 0, 3].map((shard) => ({ shard, keys: keys(shard, 9) }));
  const others = [{ shard: 1, keys: keys(7) }];
  const vectors = await client.ask(3, new Map([["ids", asked], ["more", others], ["none", []]])); // biome-ignore format: one a table
  client.take(vectors);
  expect(client.vectors("ids").map((floats) => [...floats])).toEqual([
    [205, 212],
    [1104, 1112],
    [3, 12],
    [1306, 1312],
  ]);
  expect(client.vectors("more").map((floats) => [...floats])).toEqual([[1111]]);
  expect(client.vectors("none")).toEqual([]);
  expect(client.sizes("ids")).toEqual({ rows: 14, capacity: 18, bytes: 200 });
  expect(await client.save(3)).toMatchObject({ entries: [{ name: "0.safetensors" }, { name: "1.safetensors" }] });
});

it("a request for a future round waits for it, and one for a folded round is answered that it is over", async () => {
  const server = await serverOf(0);
  server.begin(1);
  const { client } = clientOf([server.url]);
  let answered = false;
  const asked = new Map([["ids", [{ shard: 0, keys: keys(5) }]]]);
  const early = client.ask(2, asked).then((vectors) => {
    answered = true;
    return vectors;
  });
  await sleep(50);
  expect(answered).toBe(false);
  server.fold();
  server.begin(2);
  expect([...(await early).get("ids")![0]]).toEqual([8]);
  server.fold();
  await expect(client.ask(2, asked)).rejects.toBeInstanceOf(RoundOver);
  expect(await client.save(1)).toBe(null);
});

it("a restarted owner is asked at its new address, and one of another run is ignored", async () => {
  const [dead, other] = [await serverOf(0), await serverOf(0, "another run")];
  const urls = [dead.url];
  await dead.close();
  other.begin(0);
  const { client } = clientOf(urls);
  const asked = client.ask(0, new Map([["ids", [{ shard: 0, keys: keys(1) }]]]));
  await sleep(60);
  urls[0] = other.url;
  await sleep(60);
  const restarted = await serverOf(0);
  restarted.begin(0);
  urls[0] = restarted.url;
  expect([...(await asked).get("ids")![0]]).toEqual([4]);
});

it("rows are asked for again where the connection breaks within the answer", async () => {
  const breaking = createServer();
  breaking.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
    stream.write(Buffer.alloc(10), () => setTimeout(() => stream.session?.socket.destroySoon(), 20));
  });
  await new Promise<void>((resolve) => breaking.listen(0, "127.0.0.1", resolve));
  const urls = [`http://127.0.0.1:${(breaking.address() as AddressInfo).port}`];
  const { client } = clientOf(urls);
  const asked = client.ask(0, new Map([["ids", [{ shard: 0, keys: keys(1) }]]]));
  await once(breaking, "stream");
  const owner = await serverOf(0);
  owner.begin(0);
  urls[0] = owner.url;
  expect([...(await asked).get("ids")![0]]).toEqual([4]);
  breaking.close();
});

it("requests end once all lanes have contributed to the round, or the run ends", async () => {
  const over = new Set<number>();
  const { client, stopping } = clientOf(["http://127.0.0.1:1"], over);
  const ask = () => client.ask(0, new Map([["ids", [{ shard: 0, keys: keys(1) }]]]));
  over.add(0);
  await expect(ask()).rejects.toBeInstanceOf(RoundOver);
  over.clear();
  stopping.abort();
  await expect(ask()).rejects.toBeInstanceOf(RoundOver);
});

it("a push carries its destination, has another name if any byte differs, and is omitted if it is empty", () => {
  const empty = { keys: keys(), gradients: new Float32Array() };
  const part = { keys: keys(4, 2), gradients: Float32Array.of(1, 2, 3, 4) };
  const rest = { keys: keys(8), gradients: Float32Array.of(5, 6) };
  const floats = new Float32Array();
  const counts = { rows: 2, learned: 2, skipped: 0, weight: 2, positive: 1, squares: 1 };
  const others = { logits: floats, dense: floats, numbers: floats, times: new Float64Array() };
  const tables = [{ ...empty, shards: [empty, part, empty] }, rest];
  const { rest: left, pushes } = partsOf({ ...counts, ...others, tables }, { round: 5, lane: 3 });
  expect(left.tables).toEqual([{ ...empty, sent: 2 }, rest]);
  expect(pushes.map(({ shard }) => shard)).toEqual([1]);
  const [{ bytes, name }] = pushes;
  expect(placeOf(bytes)).toEqual({ round: 5, lane: 3 });
  expect(unpackPush(bytes)).toEqual(new Map([[0, part]]));
  const flipped = bytes.slice();
  flipped[flipped.length - 9] ^= 1;
  expect(nameOf(flipped)).not.toBe(name);
});

const spec = (tables: string) =>
  parseSpec(
    `name: split\nevents: { format: tsv, columns: [label, user, u2] }\nlabel: { field: label }
fields:\n  - { name: user, type: categorical, table: user }\n  - { name: u2, type: categorical, table: u2 }
tables: { user: { dim: 4, ${tables} }, u2: { dim: 4, encoding: dhe, dhe: { hashes: 8, width: 8 } } }
tower: { deep_crossing: { residual: [8] } }\ntrain: { lanes: 2, round: 16 }\n`,
    "split.yaml",
  );

it("owners hold exactly the blocks of sharded tables", () => {
  const split = spec("encoding: exact, shards: 3");
  expect(mostShards(split)).toBe(3);
  const isHeld = isShardBlock(split);
  expect(["table/user.0/rows", "table/user.2/powers", "table/u2.0/rows", "dense/x/w"].map(isHeld)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it("more owners than shards, or owners with a delta log, are refused", () => {
  const topic = {
    kafka: { brokers: ["localhost:1"] },
    topic: "t",
    group: "g",
    start: { at: "earliest" as const },
    stop: { at: "end" as const },
    onLost: "stop" as const,
  };
  const out = join(mkdtempSync(join(tmpdir(), "hashbrook-owners-")), "run");
  const job =
    (tables: string, more: object = {}) =>
    () =>
      trainJob({ model: spec(tables), topic, out, ...more }, true, 2);
  expect(job("encoding: exact")).toThrow("tables.NAME.shards");
  expect(job("encoding: exact, shards: 2")).not.toThrow();
  expect(job("encoding: exact, shards: 2", { publish: { urls: ["file:///x"] } })).toThrow("--publish");
});
