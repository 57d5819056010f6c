import { datasets } from "./datasets.js";
import { ENTRIES, EXACT, ROUNDED } from "./encodings.js";
import { writeFacts } from "./facts.js";
import { measure, measureExact, type Point, seeded } from "./measure.js";

/** One run. Without an encoding: the facts of a data set and its exact tables, which must run first. */
export interface Job {
  readonly dataset: string;
  readonly encoding: string | null;
  readonly budget: number;
  readonly seed: number;
  /** Folder of a data set's facts between its runs. */
  readonly folder: string;
  readonly smoke: boolean;
}

export async function work({ dataset: name, encoding, budget, seed, folder, smoke }: Job): Promise<Point | null> {
  const dataset = (await datasets(smoke)).find((candidate) => candidate.name === name)!;
  const entry = [EXACT, ...ENTRIES, ...ROUNDED].find((candidate) => candidate.name === encoding);
  if (entry) return measure(seeded(dataset, seed), entry, budget, folder);
  await writeFacts(dataset, folder);
  return measureExact(dataset, folder);
}

// Started as a separate process, with a job as its argument.
if (process.argv[2]?.startsWith("{")) {
  const point = await work(JSON.parse(process.argv[2]) as Job);
  process.stdout.write(`RESULT ${JSON.stringify(point)}\n`, () => process.exit(0));
}
