import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { LargeMap } from "../core/large-map.js";
import { xxh64 } from "../kernels/hash.js";
import { type LogLine, linesOf, placeOf } from "./log-lines.js";

/** Rewards by the hash of their events' ids. */
export type Rewards = Pick<LargeMap<bigint, number>, "get">;

/**
 * Reads rewards: a JSON object per line, or a table with a header (tabs or commas, without quotes), with `id`, the event's, and
 * `reward` (default 1). The rewards of one id are summed.
 * @param signal ends it early
 * @throws HashbrookError source_missing, source_unreadable naming file and line
 */
export async function readRewards(files: readonly string[], signal?: AbortSignal): Promise<Rewards> {
  const rewards = new LargeMap<bigint, number>();
  let table: Table | null = null;
  for await (const lines of linesOf(files)) {
    if (signal?.aborted) break;
    for (const line of lines) {
      const text = line.bytes.toString().replace(/\r$/, "");
      const isHeader = line.line === 1 && !text.startsWith("{");
      if (line.line === 1) table = isHeader ? tableOf(text, line) : null;
      if (isHeader) continue;
      const { id, reward } = table ? ofTable(text, table, line) : ofJson(text, line);
      const key = xxh64(id);
      rewards.set(key, (rewards.get(key) ?? 0) + reward);
    }
  }
  return rewards;
}

interface Table {
  readonly separator: string;
  readonly columns: number;
  readonly id: number;
  readonly reward: number;
}

function tableOf(header: string, line: LogLine): Table {
  const separator = header.includes("\t") ? "\t" : ",";
  const names = header.split(separator);
  const id = names.indexOf("id");
  if (id < 0 || header.includes('"')) throw unreadable(line, "neither a JSON object nor a header with a column id");
  return { separator, columns: names.length, id, reward: names.indexOf("reward") };
}

function ofTable(text: string, { separator, columns, id, reward }: Table, line: LogLine) {
  const values = text.split(separator);
  if (values.length !== columns) throw unreadable(line, `has ${values.length} values, but the header has ${columns}`);
  return { id: values[id], reward: reward < 0 ? 1 : numberOf(values[reward], line) };
}

function ofJson(text: string, line: LogLine) {
  const value = parsed(text);
  if (!isObject(value)) throw unreadable(line, "not a JSON object");
  const { id, reward = 1 } = value;
  if (typeof id !== "string" && !Number.isSafeInteger(id))
    throw unreadable(line, "has no id, which must be a string or an integer of up to 53 bits");
  return { id: String(id), reward: numberOf(reward, line) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown, line: LogLine): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  if (typeof value === "boolean") return Number(value);
  throw unreadable(line, `its reward is not a number: ${JSON.stringify(value)}`);
}

function unreadable(line: LogLine, why: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${placeOf(line)}: ${why}`, {
    hint: 'write rewards as lines such as {"id": "k3f-9/0", "reward": 1}, or as a table with the columns id and reward',
  });
}
