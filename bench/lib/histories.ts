import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Rng } from "../../src/core/rng.js";
import { madeOnce } from "./made-once.js";
import { DATA } from "./run.js";

/** A user took an item. */
interface Taken {
  /** Seconds. */
  readonly time: number;
  readonly user: string;
  readonly item: string;
}

/** Streams of users and the items they take: the file, and its format. */
const sources = {
  /** Carts, favourites and purchases of ten days, ordered by time. */
  tmall: { file: "tmall-mb/events.csv.gz", read: timed },
  /** Reviewed video games: only the order within a user is known, so every user's reviews are spread over one year at random. */
  "amazon-games": { file: "amazon-seq/Video.txt.gz", read: spread },
} as const;

export type HistorySource = keyof typeof sources;

const NEGATIVES = 4;
const LONGEST = 20;
/** Negatives are drawn from this many of the latest items. */
const RECENT = 50_000;
/** Items taken before the first event, to draw negatives from. */
const FIRST = 1_000;

/**
 * Events of a stream of taken items, created once under the temporary folder: every item that a user with a history takes for the first
 * time is a positive event, followed by four recent items of other users that this user never took. Columns: label, ts (seconds), user,
 * item, history (the user's previous 20 items, separated by `|`).
 * @param most number of first events
 * @returns its path, or null (after a message) if the data are missing
 */
export function histories(source: HistorySource, most = Number.POSITIVE_INFINITY): string | null {
  const { file, read } = sources[source];
  const data = join(DATA, file);
  if (!existsSync(data)) {
    console.error(`skipped: no ${file} under ../shared/data`);
    return null;
  }
  return madeOnce(join(tmpdir(), "hashbrook-bench", `${source}-${most}.tsv`), (part) => {
    const lines = gunzipSync(readFileSync(data)).toString().trim().split("\n");
    writeFileSync(part, [...events(read(lines).slice(0, most))].join(""));
  });
}

function timed([, ...lines]: readonly string[]): Taken[] {
  return lines.map((line) => {
    const [time, user, item] = line.split(",");
    return { time: Number(time), user, item };
  });
}

function spread(lines: readonly string[]): Taken[] {
  const users = new Map<string, string[]>();
  for (const line of lines) {
    const [user, item] = line.split(" ");
    const items = users.get(user) ?? [];
    users.set(user, items);
    items.push(item);
  }
  const [rng, start, year] = [new Rng(1), 1_700_000_000, 365 * 86_400];
  const taken = [...users].flatMap(([user, items]) => {
    const times = items.map(() => start + rng.below(year)).sort((a, b) => a - b);
    return items.map((item, i) => ({ time: times[i], user, item }));
  });
  return taken.sort((a, b) => a.time - b.time);
}

function* events(taken: readonly Taken[]): Generator<string> {
  const rng = new Rng(2);
  const histories = new Map<string, string[]>();
  for (const [n, { time, user, item }] of taken.entries()) {
    const history = histories.get(user) ?? [];
    histories.set(user, history);
    if (n >= FIRST && history.length > 0 && !history.includes(item)) {
      const offered = [item];
      while (offered.length <= NEGATIVES) {
        const other = taken[n - 1 - rng.below(Math.min(n, RECENT))].item;
        if (other !== item && !history.includes(other)) offered.push(other);
      }
      const place = rng.below(offered.length);
      [offered[0], offered[place]] = [offered[place], offered[0]];
      const seen = history.slice(-LONGEST).join("|");
      for (const one of offered) yield `${Number(one === item)}\t${time}\t${user}\t${one}\t${seen}\n`;
    }
    history.push(item);
  }
}
