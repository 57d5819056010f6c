import { closedLoop } from "../lib/closed-loop.js";
import { openLoop } from "../lib/open-loop.js";
import { bodyOf, served } from "./model.js";
import { constant, type Running, server, withServer } from "./servers.js";

const model = served(10, 5000, [256, 256]);

/** How requests of one candidate are sent. */
interface Sending {
  /** The most requests per second that ours answers: shares of it are sent, independent of responses. */
  readonly peak: number;
  /** The most that the constant answers. */
  readonly constantPeak: number;
  /** Candidates of the concurrent requests. */
  readonly many: number;
  readonly ms: number;
  readonly turns: number;
}

/**
 * Latency of one candidate: at a rate, and with two concurrent clients of large requests. A server that returns a constant gets
 * the same load alternately with ours: its latency is that of the machine and the client. Medians of the turns, and the median ratio of adjacent ones.
 */
export async function lateness(out: string, sending: Sending): Promise<object> {
  return withServer(constant(), (still) =>
    withServer(server(out), async (ours) => {
      for (const { url } of [still, ours]) {
        await closedLoop(url, bodyOf(model, 1), 16, sending.ms / 4);
        await closedLoop(url, bodyOf(model, sending.many), 1, sending.ms / 4);
      }
      const turns: Record<"still" | "ours", Asked>[] = [];
      const own: Percentiles[] = [];
      for (let turn = 0; turn < sending.turns; turn++) {
        turns.push({ still: await asked(still, sending), ours: await asked(ours, sending) });
        own.push(await openLoop(still.url, bodyOf(model, 1), 0.7 * sending.constantPeak, sending.ms));
      }
      const told = (what: keyof Asked) => ({
        ...medians(turns.map(({ ours }) => ours[what])),
        constant: medians(turns.map(({ still }) => still[what])),
        times_the_constant: medians(turns.map(({ ours, still }) => ratios(ours[what], still[what]))),
      });
      const atRate = { ...told("atRate"), constant_at_70_percent_of_its_own: medians(own) };
      return {
        one_candidate_at_30_percent: told("atLess"),
        one_candidate_at_70_percent: atRate,
        one_candidate_beside_10000: told("beside"),
      };
    }),
  );
}

/** Milliseconds. */
interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

type Asked = Record<"atLess" | "atRate" | "beside", Percentiles>;

async function asked({ url }: Running, { peak, many, ms }: Sending): Promise<Asked> {
  const one = bodyOf(model, 1);
  const atLess = await openLoop(url, one, 0.3 * peak, ms);
  const atRate = await openLoop(url, one, 0.7 * peak, ms);
  const [beside] = await Promise.all([closedLoop(url, one, 1, ms), closedLoop(url, bodyOf(model, many), 2, ms)]);
  return { atLess, atRate, beside };
}

const ratios = (a: Percentiles, b: Percentiles) => ({ p50: a.p50 / b.p50, p99: a.p99 / b.p99 });

/** The median of every number, by name. */
function medians<T extends Percentiles>(all: readonly T[]): Record<keyof T, number> {
  const median = (name: keyof T) => all.map((one) => Number(one[name])).toSorted((a, b) => a - b)[all.length >> 1];
  const names = Object.keys(all[0]) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, Number(median(name).toFixed(2))])) as Record<keyof T, number>;
}
