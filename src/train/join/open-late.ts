import type { BatchLayout, Room } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
import { parseFingerprint } from "../../sources/files/fingerprint.js";
import type { Input } from "../../sources/reader.js";
import type { FileFeed } from "../feed.js";
import type { FileFeeds } from "../files/file-feeds.js";
import { Heads } from "../files/learned-files.js";
import type { Plan } from "../files/plan.js";
import type { FilePosition, Job, StreamPosition } from "../job.js";
import { batchesOf, type FileBegin, type StreamOptions } from "../stream.js";
import type { StreamStart } from "../workers/thread-messages.js";
import type { LabelReader } from "./click-reader.js";
import type { JoinState } from "./join-counts.js";
import { LateLabels, type LateLabelsState } from "./late-labels.js";
import { type OpenImpressions, pieceRows } from "./tail.js";
import { refuseUnrepeatable } from "./unrepeatable.js";

interface Opened {
  readonly feeds: FileFeeds;
  /** The feed of the impressions to learn. */
  readonly feed: FileFeed;
  readonly plan: Plan;
  readonly start: StreamStart;
  readonly options: StreamOptions;
  readonly clicks: LabelReader;
}

/** The files in which impressions are read again, and the positions. */
interface Again {
  readonly inputs: readonly Input[];
  readonly begins: Readonly<Record<number, FileBegin>>;
  /** Files before those that are learned now. */
  readonly before: readonly string[];
  readonly state: JoinState | null;
}

/**
 * Impressions in files, learned at once and corrected.
 * @throws usage if they cannot be read twice; source_changed if some that wait for late clicks are not given
 */
export async function openLateLabels(job: Job, opened: Opened): Promise<LateLabels> {
  const { feeds, feed, plan, start, options, clicks } = opened;
  refuseUnrepeatable(feeds.inputs, "join.correct");
  const { before, state, ...again } = await againOf(start.join, plan, feeds.inputs);
  return new LateLabels({
    spec: job.spec.join!,
    layout: feeds.layout,
    head: (wanted) => batchesOf(feed, { ...options, limit: Number.POSITIVE_INFINITY, wanted }),
    again: opener(feeds, again),
    files: () => [...before, ...feed.fingerprints],
    clicks,
    state,
    start: plan.start,
    limit: options.limit,
    over: plan.pass.ends.length >= plan.inputs.length,
  });
}

function opener(feeds: FileFeeds, { inputs, begins }: Pick<Again, "inputs" | "begins">): OpenImpressions {
  const rows = pieceRows(feeds.layout);
  return async function* again(place: StreamPosition) {
    const start = place as FilePosition;
    const feed = feeds.again(inputs);
    const buffer = roomOf(feeds.layout);
    const options = { start, begins, epochs: 1, limit: Number.POSITIVE_INFINITY, buffer: () => buffer };
    try {
      yield* batchesOf(feed, { ...options, wanted: () => rows });
    } finally {
      await feed.close();
    }
  };
}

function roomOf({ bytes }: BatchLayout): Room {
  return { buffer: new ArrayBuffer(bytes), base: 0 };
}

/** Where tails continue: in the earlier files as far as they need them, then in those that are learned now. */
async function againOf(join: JoinState | null, plan: Plan, given: readonly Input[]): Promise<Again> {
  const { inputs, pass } = plan;
  const late = join?.late_labels;
  const pending = late?.tails.some(({ rows }) => rows < late.rows);
  if (!late || (plan.fresh && !pending)) return { inputs, begins: pass.begins, before: [], state: anew(join) };
  const heads = new Heads();
  const places = new Map<number, Input>();
  for (let i = firstOf(late); i < late.files.length; i++)
    places.set(i, await find(heads, late.files[i], [...inputs, ...given]));
  const earlier = [...places].filter(([, input]) => !inputs.includes(input));
  const all = [...earlier.map(([, input]) => input), ...inputs];
  const known = new Set(places.values());
  const begins = Object.entries(pass.begins).filter(([i]) => !known.has(inputs[Number(i)]));
  const tails = late.tails.map(({ rows, position }) => ({
    rows,
    position: { ...fileOf(position), epoch: 0, file: all.indexOf(places.get(fileOf(position).file)!) },
  }));
  return {
    inputs: all,
    begins: Object.fromEntries(begins.map(([i, begin]) => [Number(i) + earlier.length, begin])),
    before: earlier.map(([i]) => late.files[i]),
    state: { ...join!, late_labels: { ...late, tails } },
  };
}

/** Tails begin where impressions do. */
function anew(join: JoinState | null): JoinState | null {
  return join?.late_labels ? { ...join, late_labels: { ...join.late_labels, tails: [] } } : join;
}

/** The first file that any tail needs. */
const firstOf = ({ tails }: LateLabelsState): number => Math.min(...tails.map(({ position }) => fileOf(position).file));

const fileOf = (position: StreamPosition): FilePosition => position as FilePosition;

async function find(heads: Heads, text: string, inputs: readonly Input[]): Promise<Input> {
  const file = parseFingerprint(text);
  for (const input of inputs) if (await heads.matches(input, file)) return input;
  throw new HashbrookError(
    "source_changed",
    `${file.name}: is missing from --data, but its impressions still wait for late clicks`,
    {
      hint: "name it before the new files: its events are not learned again",
    },
  );
}
