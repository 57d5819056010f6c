import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { closedLoop } from "./lib/closed-loop.js";
import { bodyOf, type Served, served, trained } from "./serving/model.js";
import { type Running, server, withServer } from "./serving/servers.js";

const rounded = (value: number) => Number(value.toFixed(3));
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Requests per second, and milliseconds of processor time per request. */
interface Turn {
  readonly rate: number;
  readonly cost: number;
}

/** The cost of an impression log: two servers of one model, one with a log, alternating; the ratios of adjacent turns. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-serve-log-"));
  try {
    const model = served(10, 5000, [256, 256]);
    const out = trained(model, folder, 2560);
    const measured: object[] = [];
    for (const share of [0.1, 1]) measured.push(await measure(model, out, join(folder, `log-${share}`), share, smoke));
    return {
      what: "requests/s and processor time of a server with --log, relative to one without; Deep Crossing of 256-256, ten fields, one scoring thread; load generator on the same cores",
      cores: availableParallelism(),
      measured,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(model: Served, out: string, to: string, share: number, smoke: boolean): Promise<object> {
  const [rounds, ms] = smoke ? [2, 80] : [15, 1000];
  return withServer(server(out), (off) =>
    withServer(server(out, "--log", to, "--log-share", String(share)), async (on) => {
      const turn = async ({ url, processor }: Running, candidates: number, connections: number) => {
        const before = processor();
        const { requests_per_second } = await closedLoop(url, bodyOf(model, candidates), connections, ms);
        return { rate: requests_per_second, cost: (processor() - before) / ((requests_per_second * ms) / 1000) };
      };
      const turns = async (candidates: number, connections: number) => {
        const all: { without: Turn; withLog: Turn }[] = [];
        for (let round = 0; round < rounds; round++) {
          // The order alternates, too.
          const [a, b] = [
            await turn(round % 2 ? on : off, candidates, connections),
            await turn(round % 2 ? off : on, candidates, connections),
          ];
          all.push(round % 2 ? { without: b, withLog: a } : { without: a, withLog: b });
        }
        const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0);
        const rates = all.map(({ without, withLog }) => withLog.rate / without.rate).toSorted((a, b) => a - b);
        const cost = (of: "without" | "withLog") =>
          sum((one) => one[of].cost * one[of].rate) / sum((one) => one[of].rate);
        return {
          requests_per_second_without: Math.round(median(all.map(({ without }) => without.rate))),
          of_that_with_log: rounded(median(rates)),
          quartiles: [rates[rounds >> 2], rates[(3 * rounds) >> 2]].map(rounded),
          processor_ms_a_request_without: rounded(cost("without")),
          of_that_with_log_processor: rounded(cost("withLog") / cost("without")),
        };
      };
      for (const { url } of [off, on]) await closedLoop(url, bodyOf(model, 100), 16, ms);
      const one = await turns(1, 64);
      const hundred = await turns(100, 16);
      const metrics = await (await fetch(new URL("/metrics", on.url))).text();
      const count = (name: string) =>
        [...metrics.matchAll(new RegExp(`^${name}\\S* (\\d+)$`, "gm"))].reduce(
          (sum, [, value]) => sum + Number(value),
          0,
        );
      return {
        share,
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
