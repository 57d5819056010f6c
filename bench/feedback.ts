import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, inflateRawSync } from "node:zlib";
import { DATA, hashbrook, round } from "./lib/run.js";

/** An impression, and the time of its conversion, if there was one; s. */
interface Shown {
  readonly time: number;
  /** The user: groups of users are left out for error bars. */
  readonly who: string;
  readonly values: readonly string[];
  readonly converted: number | null;
}

interface DataSet {
  readonly name: string;
  readonly what: string;
  readonly columns: readonly string[];
  readonly ages: string;
  readonly window: number;
  read(): Shown[];
}

const DAY = 86_400;
/** Groups of users, each left out once. */
const GROUPS = 8;

const sets: readonly DataSet[] = [
  {
    name: "tmall-mb",
    what: "an item put into the cart, bought by the same user within three days; a purchase belongs to the last time before it",
    columns: ["user", "item", "hour"],
    ages: "[5m, 1h, 6h, 1d, 3d]",
    window: 3 * DAY,
    read: carts,
  },
  {
    name: "talkingdata-100k",
    what: "an ad's click, and the app's installation within a day",
    columns: ["ip", "app", "device", "os", "channel", "hour"],
    ages: "[2m, 10m, 1h, 6h, 1d]",
    window: DAY,
    read: installs,
  },
];

/** Late labels of real data: the predictions of each way of learning from them, scored before an impression was learned. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  if (!sets.every(({ name }) => existsSync(join(DATA, name)))) return { skipped: `no real data in ${DATA}` };
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-feedback-"));
  try {
    return {
      what: `progressive quality from the middle of the stream on, lr; ± is a standard error: jackknife over ${GROUPS} groups of users. oracle: labels known at once`,
      data: sets.map((set) => measure(set, folder, smoke)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Way = "oracle" | "plain" | "fnw" | "fnc";
type Figures = Record<"auc" | "logloss" | "calibration", number>;

function measure(set: DataSet, folder: string, smoke: boolean): object {
  const all = set.read().slice(0, smoke ? 3000 : undefined);
  const positives = all.filter(({ converted }) => isPositive(set, converted));
  const delays = positives.map(({ converted }) => converted!).sort((a, b) => a - b);
  const ways: readonly Way[] = ["oracle", "plain", "fnw", "fnc"];
  const groups = smoke ? [] : [...Array(GROUPS).keys()];
  const figures = ways.map((way) => {
    const whole = learn(set, all, way, folder);
    const without = (group: number) => all.filter(({ who }) => groupOf(who) !== group);
    const parts = groups.map((group) => learn(set, without(group), way, folder));
    return [way, { ...withErrors(whole, parts) }] as const;
  });
  return {
    name: set.name,
    what: set.what,
    ages: set.ages,
    impressions: all.length,
    positives: round(positives.length / all.length, 5),
    after_the_first_age: round(delays.filter((delay) => delay > seconds(set.ages)).length / delays.length, 3),
    median_delay_seconds: delays[delays.length >> 1],
    ways: Object.fromEntries(figures),
  };
}

function learn(set: DataSet, shown: readonly Shown[], way: Way, folder: string): Figures {
  const [events, clicks, model, out] = ["events.tsv", "clicks.tsv", "model.yaml", "run"].map((name) =>
    join(folder, name),
  );
  writeFileSync(events, shown.map((one, i) => `${line(set, one, i)}\n`).join(""));
  const told = shown.flatMap(({ time, converted }, i) => (converted === null ? [] : [[i, time + converted]]));
  told.sort(([, a], [, b]) => a - b);
  writeFileSync(clicks, told.map(([i, time]) => `${i}\t${time}\n`).join(""));
  writeFileSync(model, specOf(set, way));
  rmSync(out, { recursive: true, force: true });
  const given = way === "oracle" ? [] : ["--clicks", clicks];
  const report = hashbrook("train", "--model", model, "--data", events, ...given, "--out", out);
  const { auc, logloss, calibration } = report.second_half;
  return { auc: auc!, logloss: logloss!, calibration: calibration! };
}

const isPositive = ({ window }: DataSet, delay: number | null): boolean => delay !== null && delay <= window;

function line(set: DataSet, { time, values, converted }: Shown, i: number): string {
  return [Number(isPositive(set, converted)), time, i, ...values].join("\t");
}

function specOf({ name, columns, ages }: DataSet, way: Way): string {
  const late = `join:
  clicks: { format: tsv, columns: [id, ts], id: id, time: { from: ts, unit: s } }
  correct: { method: ${way}, ages: ${ages} }
`;
  return `name: ${name}-${way}
events: { format: tsv, columns: [label, ts, id, ${columns.join(", ")}] }
label: { field: label, time: { from: ts, unit: s }, id: id }
${way === "oracle" ? "" : late}fields:
${columns.map((column) => `  - { name: ${column}, type: categorical, table: weights }`).join("\n")}
tables: { weights: { encoding: exact, salt: field, optimizer: { ftrl: { alpha: 0.1 } } } }
tower: lr
train: { batch: 512, window: 10000 }
`;
}

function withErrors(whole: Figures, parts: readonly Figures[]): object {
  const names = ["auc", "logloss", "calibration"] as const;
  const error = (name: keyof Figures) => {
    const mean = parts.reduce((sum, part) => sum + part[name], 0) / parts.length;
    const squares = parts.reduce((sum, part) => sum + (part[name] - mean) ** 2, 0);
    return Math.sqrt(((parts.length - 1) / parts.length) * squares);
  };
  return Object.fromEntries(
    names.map((name) => [name, { value: round(whole[name]), error: parts.length > 0 ? round(error(name)) : null }]),
  );
}

/** FNV-1a. */
function groupOf(who: string): number {
  let hash = 0x811c9dc5;
  for (const char of who) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return hash % GROUPS;
}

function seconds(ages: string): number {
  const [, count, unit] = /\[(\d+)(\w)/.exec(ages)!;
  return Number(count) * { s: 1, m: 60, h: 3600 }[unit as "s" | "m" | "h"];
}

const hourOf = (time: number): string => String(new Date(time * 1000).getUTCHours());

function carts(): Shown[] {
  const rows = gunzipSync(readFileSync(join(DATA, "tmall-mb", "events.csv.gz")))
    .toString()
    .trim()
    .split("\n")
    .slice(1);
  const shown: { time: number; who: string; values: string[]; converted: number | null }[] = [];
  const last = new Map<string, (typeof shown)[number]>();
  for (const row of rows) {
    const [ts, user, item, behaviour] = row.split(",");
    const [time, key] = [Number(ts), `${user} ${item}`];
    if (behaviour === "cart") {
      const cart = { time, who: user, values: [user, item, hourOf(time)], converted: null };
      shown.push(cart);
      last.set(key, cart);
    }
    const cart = behaviour === "buy" ? last.get(key) : undefined;
    if (cart) cart.converted ??= time - cart.time;
  }
  // The outcome of the last three days' carts is unknown.
  const end = Number(rows.at(-1)!.split(",", 1)[0]) - 3 * DAY;
  return shown.filter(({ time }) => time <= end);
}

function installs(): Shown[] {
  const rows = unzipped(readFileSync(join(DATA, "talkingdata-100k", "train_sample.csv.zip")))
    .trim()
    .split("\n")
    .slice(1);
  const time = (text: string) => Date.parse(`${text.replace(" ", "T")}Z`) / 1000;
  const shown = rows.map((row) => {
    const [ip, app, device, os, channel, clicked, attributed] = row.split(",");
    const at = time(clicked);
    const values = [ip, app, device, os, channel, hourOf(at)];
    return { time: at, who: ip, values, converted: attributed ? time(attributed) - at : null };
  });
  return shown.sort((a, b) => a.time - b.time);
}

/** The first file of a zip archive. */
function unzipped(zip: Buffer): string {
  const [name, extra] = [zip.readUInt16LE(26), zip.readUInt16LE(28)];
  return inflateRawSync(zip.subarray(30 + name + extra)).toString();
}
