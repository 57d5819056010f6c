import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Dataset, datasets } from "./datasets.js";
import { ENTRIES, EXACT, ROUNDED } from "./encodings.js";
import { type Point, SEED } from "./measure.js";
import { type Job, work } from "./worker.js";

/** Shares of the bytes of the exact tables; those with most published results come first. */
const BUDGETS = [0.1, 0.01, 0.05, 0.001, 0.25, 0.5, 1];
const SMOKE_BUDGETS = [0.25, 0.01];
/** Budgets at which admission and eviction are compared on Globo. */
const CHURN_BUDGET = 0.2;
/** Differences below a hundredth of a point are compared by the mean over these seeds. */
const SEEDS = [42, 43, 44, 45, 46];

export interface Options {
  readonly smoke: boolean;
  /** Folder for measured points, which are not measured again: to continue an interrupted run. */
  readonly keep?: string | undefined;
  /** Which runs to make. Default: all. */
  readonly wanted?: (job: Task) => boolean;
}

/** A job without its folder. */
export type Task = Pick<Job, "dataset" | "encoding" | "budget" | "seed">;

/** Every encoding at every budget on every data set, each in a separate process, as many at a time as there are cores. */
export async function curves({ smoke, keep, wanted = () => true }: Options): Promise<Point[]> {
  const root = keep ?? mkdtempSync(join(tmpdir(), "hashbrook-curves-"));
  const run = limited(smoke ? 1 : availableParallelism(), (job: Job) => kept(job, smoke ? work : inProcess));
  const points = await Promise.all(
    (await datasets(smoke)).map(async (dataset) => {
      const folder = join(root, dataset.name);
      mkdirSync(folder, { recursive: true });
      const job = (task: Task): Job => ({ ...task, folder, smoke });
      const exact = await run(job({ dataset: dataset.name, encoding: null, budget: 1, seed: SEED }));
      return [
        exact,
        ...(await Promise.all(
          tasksOf(dataset, smoke)
            .filter(wanted)
            .map((task) => run(job(task))),
        )),
      ];
    }),
  );
  if (keep === undefined) rmSync(root, { recursive: true });
  return points.flat().filter((point) => point !== null);
}

function tasksOf(dataset: Dataset, smoke: boolean): Task[] {
  const task = (encoding: string, budget: number, seed = SEED): Task => ({
    dataset: dataset.name,
    encoding,
    budget,
    seed,
  });
  const budgets = smoke ? SMOKE_BUDGETS : BUDGETS;
  const seeds = smoke ? [SEED] : SEEDS;
  const curve = budgets.flatMap((budget) => ENTRIES.map(({ name }) => task(name, budget)));
  const rounding = ROUNDED.flatMap(({ name }) => seeds.map((seed) => task(name, 1, seed)));
  const noise = seeds.slice(1, 3).map((seed) => task(EXACT.name, 1, seed));
  const churn = dataset.name === "globo" && !smoke ? [task("exact_admission", CHURN_BUDGET)] : [];
  return [...curve, ...noise, ...churn, ...(dataset.regime === "ids alone" ? rounding : [])];
}

/** A job's result, from the folder if it exists. */
async function kept(job: Job, run: (job: Job) => Promise<Point | null>): Promise<Point | null> {
  const path = join(job.folder, `${job.encoding ?? "baseline"}-${job.budget}-${job.seed}.json`);
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

/** Limits the function to `most` concurrent calls; further calls are queued in order. */
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
