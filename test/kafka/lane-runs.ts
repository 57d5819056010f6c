import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporary } from "../e2e/hashbrook.js";
import { rows } from "./trainers.js";

export const LANES = 4;

/** A small tower whose updates four lanes share out. @param more options of `train`, behind a comma */
export function fourLanes(more = ""): string {
  return written(`${readFileSync("features/ads-demo.yaml", "utf8")}\ntrain: { lanes: ${LANES}, round: 64${more} }\n`);
}

const FIELDS = {
  user: "encoding: hash, rows: 500",
  ad: "encoding: exact",
  site: "encoding: shared, salt: field, rows: 2000",
  campaign: "encoding: compositional, rows: 500",
  advertiser: "encoding: multi_hash, rows: 500",
  site_category: "encoding: low_dim, low_dim: { dim: 2 }",
  slot: "encoding: dhe, dhe: { hashes: 16, width: 16 }",
  browser: "encoding: hot_cold, rows: 300, hot_cold: { cold: { rows: 200 } }",
};

/** Eight lanes, and a field and table of every encoding. */
export function everyEncoding(): string {
  const fields = Object.keys(FIELDS).map((name) => `  - { name: ${name}, type: categorical, table: ${name} }\n`);
  const tables = Object.entries(FIELDS).map(([name, options]) => `  ${name}: { dim: 8, ${options} }\n`);
  const text = readFileSync("features/ads-demo.yaml", "utf8").replace(
    /^fields:\n[\s\S]*^tower:/m,
    `fields:\n${fields.join("")}tables:\n${tables.join("")}tower:`,
  );
  return written(`${text}\ntrain: { lanes: 8, round: 32 }\n`);
}

function written(text: string): string {
  const path = join(temporary(), "lanes.yaml");
  writeFileSync(path, text.replace(/residual: \[[^\]]*\]/, "residual: [8]"));
  return path;
}

/** The command line of who works all lanes of a topic to its end. */
export const laneLine = (
  kafka: { readonly brokers: string },
  topic: string,
  out: string,
  model: string,
  ...more: string[]
) => [
  ...["train", "--model", model, "--kafka", kafka.brokers, "--topic", topic, "--group", topic],
  ...["--out", out, "--until", "end", "--threads", "1", "--json", ...more],
];

/** Events over partitions of unequal length; the last one is empty. */
export async function unevenly(count: number, partitions = 6): Promise<{ value: string; partition: number }[]> {
  const events = await rows(count);
  return events.map((value, i) => ({ value, partition: i % 11 === 0 ? 0 : i % (partitions - 1) }));
}
