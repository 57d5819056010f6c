import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { train } from "../../src/train/train.js";
import { report, temporary } from "../e2e/hashbrook.js";
import { LR } from "../small-specs.js";

const SPEC = `
name: shop
events: { format: json }
label: { field: click, positive: "1" }
fields:
  - { name: user, type: categorical, from: user.id, table: users }
  - { name: item, type: categorical, from: item.id, table: items }
  - { name: maker, type: categorical, from: item.maker, table: makers }
  - { name: price, type: numeric, from: item.price, transform: log1p }
  - { name: tags, type: bag, from: item.tags, table: makers }
  - { name: picture, type: vector, from: item.picture, length: 3 }
  - { name: user_x_maker, type: cross, of: [user, maker], table: makers }
tables:
  users: { dim: 4, encoding: exact, budget: 1 MB, optimizer: { ftrl: { alpha: 0.2, beta: 1 } } }
  items: { dim: 4, encoding: exact, budget: 1 MB, optimizer: { adagrad: { learning_rate: 0.1 } } }
  makers: { dim: 4, encoding: hash, rows: 4096, optimizer: { adagrad: { learning_rate: 0.1 } } }
tower: { deep_crossing: { residual: [16] }, optimizer: { adam: { learning_rate: 1e-3 } } }
train: { batch: 128 }
`;

/** Ids beyond what a double holds exactly. */
export const BIG = 9007199254740993n;

/** Event number `i` of the shop as text, always the same. */
export function event(i: number): string {
  const user = BigInt((i * 7) % 50) + BIG;
  const item = (i * 13) % 40;
  const picture = [item / 40, ((i * 3) % 10) / 10, 0.5];
  const tags = JSON.stringify([`t${item % 5}`, `t${item % 7}`]);
  return `{"click": ${+((i * 7919) % 100 < 20 + item)}, "user": {"id": ${user}}, "item": {"id": "i${item}", "maker": "m${item % 6}", "price": ${1 + item}, "tags": ${tags}, "picture": ${JSON.stringify(picture)}}}`;
}

/** A server with a model that has learned the shop's events. */
export async function shop(): Promise<{
  app: FastifyInstance;
  scorer: Scorer;
  checkpoint: string;
  close(): Promise<void>;
}> {
  const folder = temporary();
  const [spec, data, checkpoint] = ["shop.yaml", "events.json", "run"].map((name) => join(folder, name));
  writeFileSync(spec, SPEC);
  writeFileSync(data, Array.from({ length: 3000 }, (_, i) => event(i)).join("\n"));
  await report(["train", "--model", spec, "--data", data, "--out", checkpoint]);
  const scorer = await Scorer.load(checkpoint);
  const app = createServer(scorer, { maxEventLoopDelay: 0 });
  await app.ready();
  return { app, scorer, checkpoint, close: () => app.close().then(() => scorer.close()) };
}

/** Two versions of one model, of 1,000 and 2,000 examples, and a request for them. */
export async function twoVersions(): Promise<{ older: string; newer: string; body: string }> {
  const folder = temporary();
  const learn = async (limit: number) => {
    const out = join(folder, String(limit));
    await train({ model: LR, data: "simulate:2000:7", limit, out });
    return out;
  };
  const candidates = Array.from({ length: 3 }, (_, i) => ({ ad: `ad${i}`, price: i }));
  const body = JSON.stringify({ context: { user: "u1", user_country: "US" }, candidates });
  return { older: await learn(1000), newer: await learn(2000), body };
}
