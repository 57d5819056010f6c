import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { globo } from "./lib/globo.js";
import { round, trainOnce } from "./lib/run.js";

const SPEC = "features/globo-lr.yaml";
const PLAIN = "encoding: hash,";

const cases: Record<string, string> = {
  f32: "",
  f16: "precision: f16,",
  q213: "precision: q2.13,",
  q213_nearest: "precision: q2.13, rounding: nearest,",
};

/** The cost of rounding the weights of `lr` during learning: quality and bytes on Globo, test-then-train, compared with f32 rows. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const data = globo(smoke ? 1_000 : 400_000);
  if (!data) return { skipped: "no Globo data" };
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-precision-"));
  try {
    const results = Object.entries(cases).map(([name, options]) => [name, learn(folder, data, options)] as const);
    const bytes = results.map(([, { table_bytes }]) => table_bytes);
    if (bytes.slice(1).some((packed) => packed >= bytes[0])) throw new Error(`packed rows take no less: ${bytes}`);
    const [, exact] = results[0];
    const against = (auc: number) => round((auc - exact.auc) * 100, 4);
    return {
      what: "globo-lr with rounded weights",
      ...Object.fromEntries(results.map(([name, result]) => [name, { ...result, auc_points: against(result.auc) }])),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Result {
  readonly auc: number;
  readonly logloss: number;
  readonly table_bytes: number;
  readonly examples_per_second: number;
}

function learn(folder: string, data: string, options: string): Result {
  const text = readFileSync(SPEC, "utf8");
  if (!text.includes(PLAIN)) throw new Error(`${SPEC} has no table with ${PLAIN}`);
  const model = join(folder, "model.yaml");
  writeFileSync(model, text.replace(PLAIN, `${PLAIN} ${options}`));
  const { auc, logloss, tables, examples_per_second } = trainOnce(model, data);
  return {
    auc: round(auc, 6)!,
    logloss: round(logloss, 6)!,
    table_bytes: tables[0].bytes,
    examples_per_second: Math.round(examples_per_second),
  };
}
