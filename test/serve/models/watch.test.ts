import { cpSync, renameSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { checkpointName } from "../../../src/checkpoints/names.js";
import { createAdminServer } from "../../../src/serve/admin-server.js";
import { Models } from "../../../src/serve/models/models.js";
import { Scorer } from "../../../src/serve/scorer.js";
import { report, simulatedLines, temporary } from "../../e2e/hashbrook.js";

const TOKEN = "an-admin's-token-of-32-characters";

const train = (out: string, rows: number) =>
  report([
    "train",
    "--model",
    "features/ads-demo.yaml",
    "--data",
    `simulate:${rows}:5`,
    "--out",
    out,
    "--resume",
    "--keep",
    "9",
  ]);

it.each([0, 1])("a run's newer checkpoint is served when it appears, in threads too: %s", async (workers) => {
  const out = temporary();
  await train(out, 2000);
  const lines = await simulatedLines(40, 9, "json");
  const body = Buffer.from(`{"candidates": [${lines.join(",")}]}`);
  const scorer = await Scorer.load(out, { watch: true, workers });
  const before = await scorer.score(body);
  expect(before.model.version).toBe(2000);
  await train(out, 3000);
  let after = before;
  while (after.model.version === 2000) {
    await sleep(50);
    after = await scorer.score(body);
    if (after.model.version === 2000) expect(after.scores).toEqual(before.scores);
  }
  const fresh = await Scorer.load(out);
  expect(after).toEqual(await fresh.score(body));
  // The scoring thread has the new weights a moment before the thread that reports the version is notified.
  await expect.poll(() => scorer.version).toEqual(after.model);
  await fresh.close();
  await scorer.close();
});

it("a checkpoint that comes while an older one is being loaded is served, too", async () => {
  const out = temporary();
  for (const rows of [1000, 2000]) await train(out, rows);
  const [newest, aside] = [join(out, checkpointName(2000)), join(temporary(), "later")];
  renameSync(newest, aside);
  const loading = Scorer.load(out, { watch: true });
  renameSync(aside, newest);
  const scorer = await loading;
  expect(scorer.version?.version).toBe(1000);
  await expect.poll(() => scorer.version?.version).toBe(2000);
  await scorer.close();
});

it("why a watched run's newest checkpoint is not served is told once, and part of the health: neither said so", async () => {
  const [out, aside] = [temporary(), join(temporary(), "moved")];
  await train(out, 1000);
  const told: string[] = [];
  const scorer = await Scorer.load(out, { watch: true, onTrouble: (reason) => told.push(reason) });
  expect(scorer.health()).toMatchObject({ ready: true, trouble: null });
  renameSync(out, aside);
  await expect.poll(() => told, { timeout: 20_000 }).toEqual(["there is no checkpoint any more"]);
  expect(scorer.health()).toMatchObject({ ready: true, trouble: "there is no checkpoint any more" });
  renameSync(aside, out);
  await expect.poll(() => scorer.health().trouble, { timeout: 20_000 }).toBeNull();
  const damage = (rows: number) => truncateSync(join(out, checkpointName(rows), "dense.safetensors"), 100);
  cpSync(join(out, checkpointName(1000)), join(aside, checkpointName(2000)), { recursive: true });
  truncateSync(join(aside, checkpointName(2000), "dense.safetensors"), 100);
  renameSync(join(aside, checkpointName(2000)), join(out, checkpointName(2000)));
  await expect.poll(() => told.length, { timeout: 20_000 }).toBe(2);
  expect(told[1]).toMatch(/checkpoint-0+2000.dense.safetensors: damaged: it has 100 bytes/);
  expect(scorer.health()).toMatchObject({ version: { version: 1000 }, passedOver: [{}], trouble: null });
  damage(1000);
  renameSync(join(out, checkpointName(2000)), join(out, checkpointName(3000)));
  await expect.poll(() => scorer.health().trouble, { timeout: 20_000 }).toMatch(/damaged/);
  expect(told).toHaveLength(3);
  await scorer.close();
});

it("a checkpoint that is copied into a watched run, manifest first, is served when it is complete: it was passed over for good", async () => {
  const [out, other] = [temporary(), temporary()];
  for (const rows of [500, 1000]) await train(other, rows);
  const copy = (to: number, part: (file: string) => boolean) => {
    const from = join(other, checkpointName(Math.min(to, 1000)));
    const filter = (path: string) => path === from || part(basename(path));
    cpSync(from, join(out, checkpointName(to)), { recursive: true, filter });
  };
  const first = (file: string) => file === "manifest.json";
  copy(500, () => true);
  copy(1000, first);
  const scorer = await Scorer.load(out, { watch: true });
  expect(scorer.health()).toMatchObject({ version: { version: 500 }, passedOver: [{}] });
  copy(1000, (file) => !first(file));
  await expect.poll(() => scorer.version?.version, { timeout: 20_000 }).toBe(1000);
  copy(2000, first);
  await expect.poll(() => scorer.health().passedOver, { timeout: 20_000 }).toHaveLength(1);
  copy(2000, (file) => !first(file));
  await expect.poll(() => scorer.health().passedOver, { timeout: 20_000 }).toEqual([]);
  await scorer.close();
});

it.each([0, 1])(
  "a watched run returns to a checkpoint, and stays there until it is released, workers: %s",
  async (workers) => {
    const out = temporary();
    for (const rows of [1000, 2000, 3000]) await train(out, rows);
    const [line] = await simulatedLines(1, 9, "json");
    const body = Buffer.from(`{"candidates": [${line}]}`);
    const scorer = await Scorer.load(out, { watch: true, workers });
    const admin = createAdminServer(Models.of(scorer), { tokens: [TOKEN], load: (path) => Scorer.load(path) });
    const ask = async (action: string, payload?: object) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const url = `/v1/models/ads-demo:${action}`;
      const { statusCode: status, ...response } = await admin.inject({
        method: "POST",
        url,
        headers,
        ...(payload && { payload }),
      });
      return { status, ...response.json() };
    };
    const alone = async (version: number) => {
      const fresh = await Scorer.load(join(out, checkpointName(version)));
      const scored = await fresh.score(body);
      await fresh.close();
      return scored;
    };

    expect(await ask("rollback")).toMatchObject({ status: 200, versions: [{ version: 2000, follows: false }] });
    expect(await scorer.score(body)).toEqual(await alone(2000));
    expect(await ask("rollback", { version: 1000 })).toMatchObject({ labels: { stable: 1000 } });
    await train(out, 4000);
    await sleep(1500);
    expect(await scorer.score(body)).toEqual(await alone(1000));
    expect(await ask("rollback", { version: 1500 })).toMatchObject({
      status: 404,
      hint: expect.stringContaining("3000, 2000"),
    });
    expect(await ask("rollback", { versoin: 1 })).toMatchObject({ status: 400, code: "request_invalid" });
    expect(await ask("watch")).toMatchObject({ status: 200, versions: [{ version: 4000, follows: true }] });
    expect(await scorer.score(body)).toEqual(await alone(4000));
    await admin.close();
    await scorer.close();
  },
);

it("a checkpoint that is not watched cannot be rolled back", async () => {
  const out = temporary();
  await train(out, 500);
  const scorer = await Scorer.load(out);
  await expect(scorer.goBack()).rejects.toMatchObject({
    code: "request_invalid",
    hint: expect.stringContaining("--watch"),
  });
  await expect(scorer.goOn()).rejects.toMatchObject({ code: "request_invalid" });
  await scorer.close();
});
