import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Rng } from "../../src/core/rng.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { globo } from "../lib/globo.js";
import { madeOnce } from "../lib/made-once.js";
import { DATA } from "../lib/run.js";

/** One pass: what is learned, and what is scored after it; null: every event is scored before it is learned. */
export interface Pass {
  readonly learn: string;
  readonly score: string | null;
}

/** A table of ids that encodings compress, with the options of its rows in the exact table. */
export interface IdTable {
  readonly name: string;
  readonly dim: number;
  readonly optimizer: object;
  /** The optimizer with one accumulator per row. */
  readonly rowwise: object;
  /** For rows that are multiplied. */
  readonly product: object;
  readonly fields: readonly object[];
  readonly salt?: "field";
}

export interface Dataset {
  readonly name: string;
  readonly title: string;
  readonly regime: "many fields" | "ids alone";
  readonly passes: readonly Pass[];
  /** Fields whose ids divide rows into head, tail and unseen. */
  readonly groups: readonly string[];
  readonly ids: readonly IdTable[];
  /** Events, label, tower, and the fields and tables that are not varied. */
  readonly spec: {
    readonly fields: readonly object[];
    readonly tables: object;
    readonly train: { readonly batch: number; readonly seed?: number };
    readonly [key: string]: unknown;
  };
}

const FOLDER = join(tmpdir(), "hashbrook-bench");
/**
 * Tuned on the first 300,000 (Globo: 400,000) events; Globo's FTRL is that of features/. Ciao's were chosen on the tested tenths of
 * the first two folds, which favours all encodings there equally.
 */
const optimizers = (ftrl: object, learning_rate: number, product: object): Optimizers => ({
  optimizer: { ftrl },
  rowwise: { rowwise_adagrad: { learning_rate } },
  product: { ftrl: product },
});
const FAST = { alpha: 0.4, beta: 0.05 };
const GLOBO = optimizers(FAST, 0.4, FAST);
const ADS = optimizers({ alpha: 0.1, beta: 1 }, 0.02, { alpha: 0.4, beta: 4 });
const ADS_ALONE = optimizers({ alpha: 0.1, beta: 1 }, 0.02, FAST);
const CIAO = optimizers({ alpha: 0.1, beta: 1 }, 0.05, FAST);
const ADS_CONTEXT = { ftrl: { alpha: 0.4, beta: 1 } };

/** The default of a table. */
const DIM = 16;

type Optimizers = Pick<IdTable, "optimizer" | "rowwise" | "product">;

const idTable = (name: string, optimizers: Optimizers, ...fields: object[]): IdTable => ({
  name,
  dim: DIM,
  ...optimizers,
  fields,
});
const id = (name: string) => ({ name, type: "categorical" });
const cross = (name: string, ...of: string[]) => ({ name, type: "cross", of });
const context = (name: string) => ({ name, type: "categorical", table: "context" });
const tower = (...residual: number[]) => ({
  deep_crossing: { residual },
  optimizer: { adam: { learning_rate: 1e-3 } },
});

/** The data sets, created if necessary; those without data are skipped, with a message. */
export async function datasets(smoke: boolean): Promise<Dataset[]> {
  const made = [
    smoke ? null : globoClicks(),
    await simulated(smoke, "simulator", "Simulator, many fields"),
    await simulated(smoke, "simulator-ids", "Simulator, ids alone"),
    ciao(smoke),
  ];
  return made.filter((dataset) => dataset !== null);
}

function globoClicks(): Dataset | null {
  const path = globo(200_000);
  if (!path) return null;
  const columns =
    "label id ts_ms user session article age_min environment device os country region referrer hour".split(" ");
  return {
    name: "globo",
    title: "Globo news clicks",
    regime: "many fields",
    passes: [{ learn: path, score: null }],
    groups: ["user", "article"],
    ids: [
      idTable("users", GLOBO, id("user")),
      idTable("sessions", GLOBO, id("session")),
      idTable("articles", GLOBO, id("article")),
      {
        ...idTable(
          "crosses",
          GLOBO,
          cross("article_x_region", "article", "region"),
          cross("article_x_referrer", "article", "referrer"),
          cross("article_x_age", "article", "age_hours"),
          cross("article_x_hour", "article", "hour"),
        ),
        salt: "field",
      },
    ],
    spec: {
      events: { format: "tsv", columns },
      label: { field: "label", positive: "1", time: "ts_ms" },
      fields: [
        {
          name: "age",
          type: "numeric",
          from: "age_min",
          transform: { log_buckets: { per_doubling: 1 } },
          table: "context",
        },
        {
          name: "age_hours",
          type: "numeric",
          from: "age_min",
          transform: { even_buckets: { width: 60, max: 43_200 } },
        },
        ...["environment", "device", "os", "country", "region", "referrer", "hour"].map(context),
      ],
      tables: { context: { dim: 4, salt: "field", optimizer: GLOBO.optimizer } },
      tower: tower(128),
      train: { batch: 512 },
    },
  };
}

const ADS_COLUMNS =
  "label oracle ts_ms event_id user user_age_group user_gender user_country device os browser connection hour_of_day day_of_week slot site site_category ad campaign advertiser ad_category creative_size bid_bucket user_ad_views user_interests price ctr_hint query_len";

async function simulated(smoke: boolean, name: "simulator" | "simulator-ids", title: string): Promise<Dataset> {
  const learn = await simulatedFile(smoke ? 5_000 : 600_000);
  const many = name === "simulator";
  const own = many ? ADS : ADS_ALONE;
  const shared = {
    name,
    title,
    passes: [{ learn, score: null }],
    groups: ["user", "ad"],
  };
  const spec = {
    events: { format: "tsv", columns: ADS_COLUMNS.split(" ") },
    label: { field: "label", positive: "1", time: "ts_ms" },
    train: { batch: 512 },
  };
  const ids = [idTable("users", own, id("user")), idTable("ads", own, id("ad"))];
  if (!many)
    return { ...shared, regime: "ids alone", ids, spec: { ...spec, fields: [], tables: {}, tower: tower(64) } };
  return {
    ...shared,
    regime: "many fields",
    ids: [...ids, { ...idTable("ids", ADS, ...["site", "campaign", "advertiser"].map(id)), salt: "field" }],
    spec: { ...spec, ...adsContext(), tower: tower(128) },
  };
}

function adsContext(): { fields: object[]; tables: object } {
  const plain =
    "user_age_group user_gender user_country device os browser connection hour_of_day day_of_week slot site_category ad_category creative_size bid_bucket";
  const bucket = (name: string, from: string, transform: unknown = "log1p-bucket") => ({
    name,
    type: "numeric",
    from,
    transform,
    table: "context",
  });
  return {
    fields: [
      ...plain.split(" ").map(context),
      { name: "user_interests", type: "bag", max_length: 8, table: "interests" },
      { name: "user_ad_views", type: "numeric", transform: "log1p" },
      { name: "price", type: "numeric", transform: "log1p" },
      { name: "ctr_hint", type: "numeric", transform: "standardize" },
      { name: "query_len", type: "numeric", transform: "log1p" },
      bucket("views_bucket", "user_ad_views"),
      bucket("price_bucket", "price", { log_buckets: { min: 0.01, max: 10_000, per_doubling: 2 } }),
      bucket("query_bucket", "query_len"),
    ],
    tables: {
      context: { dim: 8, salt: "field", optimizer: ADS_CONTEXT },
      interests: { dim: 8, optimizer: ADS_CONTEXT },
    },
  };
}

async function simulatedFile(rows: number): Promise<string> {
  const path = join(FOLDER, `simulated-${rows}-7.tsv`);
  if (existsSync(path)) return path;
  mkdirSync(FOLDER, { recursive: true });
  const stream = createWriteStream(`${path}.${process.pid}.tmp`);
  const write = async (bytes: Uint8Array) => {
    if (!stream.write(Uint8Array.from(bytes))) await new Promise<void>((resolve) => stream.once("drain", resolve));
  };
  await simulate({ rows, seed: 7, format: "tsv", write });
  await new Promise<void>((resolve) => stream.end(resolve));
  renameSync(`${path}.${process.pid}.tmp`, path);
  return path;
}

/** Ratings in a seeded random order, in tenths: fold f is tested on tenth f and learns from eight others (the ninth is for tuning). */
function ciao(smoke: boolean): Dataset | null {
  const file = join(DATA, "ciao/ratings.csv.gz");
  if (!existsSync(file)) {
    console.error("skipped: no Ciao ratings under ../shared/data");
    return null;
  }
  return {
    name: "ciao",
    title: "Ciao product ratings, ids alone",
    regime: "ids alone",
    passes: ciaoFolds(file, smoke ? 1 : 3, smoke ? 5_000 : Number.POSITIVE_INFINITY),
    groups: ["user_id", "item_id"],
    ids: [idTable("users", CIAO, id("user_id")), idTable("items", CIAO, id("item_id"))],
    spec: {
      events: { format: "csv", columns: ["user_id", "item_id", "category_id", "rating", "helpfulness"] },
      label: { field: "rating", positive: ">= 4" },
      fields: [],
      tables: {},
      tower: tower(64),
      train: { batch: 128 },
    },
  };
}

function ciaoFolds(file: string, folds: number, limit: number): Pass[] {
  const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n").slice(1);
  shuffle(lines, new Rng(11));
  const rows = lines.slice(0, limit);
  const tenth = (i: number) => rows.filter((_, row) => row % 10 === i % 10);
  mkdirSync(FOLDER, { recursive: true });
  return Array.from({ length: folds }, (_, fold) => {
    const [learn, score] = ["learn", "score"].map((part) => join(FOLDER, `ciao-${rows.length}-${fold}-${part}.csv`));
    const rest = rows.filter((_, row) => row % 10 !== fold % 10 && row % 10 !== (fold + 1) % 10);
    writeOnce(learn, rest);
    writeOnce(score, tenth(fold));
    return { learn, score };
  });
}

/** Many processes need the files, and the first one creates them. */
function writeOnce(path: string, lines: readonly string[]): void {
  madeOnce(path, (part) => writeFileSync(part, `${lines.join("\n")}\n`));
}

function shuffle(lines: string[], rng: Rng): void {
  for (let i = lines.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [lines[i], lines[j]] = [lines[j], lines[i]];
  }
}
