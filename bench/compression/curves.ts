import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Dataset, datasets } from "./datasets.js";
import { ENTRIES, type Entry } from "./encodings.js";
import type { Point } from "./measure.js";
import { type Job, work } from "./worker.js";

/** Shares of the bytes of the exact tables. */
export const BUDGETS = [1, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001];
const SMOKE_BUDGETS = [0.25, 0.01];

export interface Options {
  readonly smoke: boolean;
  /** Keep what was measured here and do not measure it again: to go on with a run that was stopped. */
  readonly keep?: string | undefined;
  readonly wanted?: (dataset: Dataset, entry: Entry, budget: number) => boolean;
}

/** Every encoding at every budget on every data set, each in a process of its own, as many at a time as there are cores. */
export async function curves(options: Options): Promise<Point[]> {
  const { smoke, keep, wanted = () => true } = options;
  const root = keep ?? mkdtempSync(join(tmpdir(), "hashbrook-curves-"));
  const run = limited(smoke ? 1 : availableParallelism(), (job: Job) => kept(job, smoke ? work : inProcess));
  const points = await Promise.all(
    (await datasets(smoke)).map(async (dataset) => {
      const folder = join(root, dataset.name);
      mkdirSync(folder, { recursive: true });
      const job = (encoding: string | null, budget: number): Job => ({
        dataset: dataset.name,
        encoding,
        budget,
        folder,
        smoke,
      });
      const exact = await run(job(null, 1));
      const jobs = ENTRIES.flatMap((entry) =>
        (smoke ? SMOKE_BUDGETS : BUDGETS)
          .filter((budget) => wanted(dataset, entry, budget))
          .map((budget) => job(entry.name, budget)),
      );
      return [exact, ...(await Promise.all(jobs.map(run)))];
    }),
  );
  if (keep === undefined) rmSync(root, { recursive: true });
  return points.flat().filter((point) => point !== null);
}

/** A job's result, from the folder where it is there already. */
async function kept(job: Job, run: (job: Job) => Promise<Point | null>): Promise<Point | null> {
  const path = join(job.folder, `${job.encoding ?? "exact"}-${job.budget}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Point | null;
  const point = await run(job);
  writeFileSync(path, JSON.stringify(point));
  console.error(line(job, point));
  return point;
}

function line({ dataset, encoding, budget }: Job, point: Point | null): string {
  const where = `${dataset.padEnd(14)} ${(encoding ?? "exact").padEnd(20)} ${(budget * 100).toFixed(1).padStart(5)} %`;
  if (!point) return `${where}  does not fit`;
  const { all, bytes } = point;
  const delta = `${(all.auc_delta * 100).toFixed(3)} ± ${(all.auc_delta_se * 100).toFixed(3)} pp`;
  return `${where}  ${bytes} bytes  AUC ${all.auc.toFixed(4)} (${delta})  logloss ${all.logloss.toFixed(4)}  ${point.examples_per_second}/s`;
}

async function inProcess(job: Job): Promise<Point | null> {
  const program = fileURLToPath(new URL("./worker.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(job)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.slice(stdout.indexOf("RESULT ") + 7)) as Point | null;
}

/** The function with at most `most` calls of it under way; the others wait in the order of their coming. */
function limited<A, R>(most: number, call: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (argument) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await call(argument);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
