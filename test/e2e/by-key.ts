import { readFileSync } from "node:fs";
import { JOIN, JOINED } from "../small-specs.js";

const WINDOW = 900_000;
const SKEW = 5000;

/** `features/ads-demo-join.yaml` whose clicks refer to a user and an ad, and the spec for the labelled events. */
export const keyedSpec = readFileSync(JOIN, "utf8")
  .replace(", id: event_id, oracle", ", oracle")
  .replace(
    /clicks: \{.*/,
    "key: [user, ad]\n  clicks: { format: tsv, columns: [ts, who, what], key: [who, what], time: ts }",
  );
export const labelledSpec = readFileSync(JOINED, "utf8").replace(", id: event_id", "");

/** Simulated impressions with few users and ads, so that pairs repeat; clicks on them; and the impressions with the label of the last one before each click. */
export function byKey(impressions: readonly string[], clickLines: readonly string[]) {
  const shown = impressions.map((line, i) => {
    const columns = line.split("\t");
    const [user, ad] = [`u${(i * i) % 61}`, `a${i % 7}`];
    return { columns: columns.with(4, user).with(17, ad), key: `${user}\t${ad}`, time: Number(columns[2]) };
  });
  const keys = new Map(shown.map(({ columns, key }) => [columns[3], key]));
  const times = new Map<string, number[]>();
  for (const { key, time } of shown) times.set(key, [...(times.get(key) ?? []), time]);
  const earned = new Set<string>();
  const clicks = clickLines.map((line) => {
    const [id, ms] = line.split("\t");
    const key = keys.get(id)!;
    const before = times.get(key)!.filter((time) => time <= Number(ms) + SKEW);
    const last = Math.max(...before);
    if (last >= Number(ms) - WINDOW) earned.add(`${key}\t${last}`);
    return `${ms}\t${key}`;
  });
  const labelled = shown.map(({ columns, key, time }) =>
    columns.with(0, earned.has(`${key}\t${time}`) ? "1" : "0").join("\t"),
  );
  return { shown: shown.map(({ columns }) => columns.join("\t")), clicks, labelled };
}
