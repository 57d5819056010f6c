import { cpSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openLoop } from "../lib/open-loop.js";
import { bodyOf, learn, served, trained } from "./model.js";
import { server, withServer } from "./servers.js";

/** A watched run gets a newer checkpoint during requests at a rate: latency and memory before, during the switch, and after. */
export async function reload(folder: string, { smoke }: { smoke: boolean }): Promise<object> {
  const [events, ms, rate] = smoke ? [3000, 500, 50] : [200_000, 6000, 1000];
  const model = served(10, 1_000_003, [256, 256]);
  const run = trained(model, folder, events, events / 2);
  const watched = join(folder, "watched");
  cpSync(run, watched, { recursive: true });
  learn(folder, "--limit", String(events));
  const newest = readdirSync(run)
    .filter((name) => name.startsWith("checkpoint-"))
    .sort()
    .at(-1)!;
  return withServer(server(watched, "--watch"), async ({ url, memory }) => {
    const version = async () => {
      const { models } = (await (await fetch(new URL("/v1/models", url))).json()) as { models: { version: number }[] };
      return models[0].version;
    };
    const load = () => openLoop(url, bodyOf(model, 1), rate, ms);
    await load();
    const steady = { ...(await load()), memory_mib: memory() };
    let peak = 0;
    const watching = setInterval(() => {
      peak = Math.max(peak, memory());
    }, 20);
    cpSync(join(run, newest), join(watched, "coming"), { recursive: true });
    renameSync(join(watched, "coming"), join(watched, newest));
    const during = await load();
    while ((await version()) !== events) await sleep(100);
    clearInterval(watching);
    const after = { ...(await load()), memory_mib: memory() };
    return { events, steady, while_it_is_taken_over: { ...during, memory_peak_mib: peak }, after };
  });
}
