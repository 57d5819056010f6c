import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { closedLoop } from "../lib/closed-loop.js";
import { bodyOf, served, trained } from "./model.js";
import { server, withServer } from "./servers.js";

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

/**
 * What a log of a tenth of the requests costs: two servers of one model, one with a log, asked in turns; the ratios of neighbouring turns.
 */
export async function log(folder: string, { smoke }: { smoke: boolean }): Promise<object> {
  const model = served(10, 5000, [256, 256]);
  const out = trained(model, folder, 2560);
  const to = join(folder, "log");
  const [rounds, ms] = smoke ? [2, 200] : [15, 1000];
  return withServer(server(out), ({ url: off }) =>
    withServer(server(out, "--log", to, "--log-share", "0.1"), async ({ url: on }) => {
      const measure = async (candidates: number, connections: number) => {
        const body = bodyOf(model, candidates);
        const ratios: number[] = [];
        const rates: number[] = [];
        for (let round = 0; round < rounds; round++) {
          // Who comes first takes turns, too.
          const [first, second] = round % 2 ? [on, off] : [off, on];
          const a = (await closedLoop(first, body, connections, ms)).requests_per_second;
          const b = (await closedLoop(second, body, connections, ms)).requests_per_second;
          const [without, withLog] = round % 2 ? [b, a] : [a, b];
          rates.push(without);
          ratios.push(withLog / without);
        }
        const quarter = ratios.toSorted((a, b) => a - b);
        return {
          requests_per_second_without: Math.round(median(rates)),
          of_that_with_log: Number(median(ratios).toFixed(3)),
          quartiles: [quarter[rounds >> 2], quarter[(3 * rounds) >> 2]].map((x) => Number(x.toFixed(3))),
        };
      };
      for (const url of [off, on]) await closedLoop(url, bodyOf(model, 100), 16, ms);
      const one = await measure(1, 64);
      const hundred = await measure(100, 16);
      const metrics = await (await fetch(new URL("/metrics", on))).text();
      const count = (name: string) =>
        [...metrics.matchAll(new RegExp(`^${name}\\S* (\\d+)$`, "gm"))].reduce(
          (sum, [, value]) => sum + Number(value),
          0,
        );
      return {
        share: 0.1,
        one_candidate_64_connections: one,
        hundred_candidates_16_connections: hundred,
        candidates_logged: count("hashbrook_impressions_logged_total"),
        candidates_dropped: count("hashbrook_impressions_dropped_total"),
        a_line_has_bytes: Math.round(lineBytes(to)),
      };
    }),
  );
}

function lineBytes(folder: string): number {
  const text = readFileSync(join(folder, readdirSync(folder)[0])).subarray(0, 1 << 20);
  return text.length / text.toString("latin1").split("\n").length;
}
