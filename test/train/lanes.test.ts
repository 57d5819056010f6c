import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFollow } from "../../src/delta-log/open.js";
import { Scorer } from "../../src/serve/scorer.js";
import type { TopicSpec } from "../../src/sources/kafka/open-topic.js";
import { specHash } from "../../src/spec/hash.js";
import { withLanes } from "../../src/spec/lanes.js";
import { parseSpec } from "../../src/spec/parse.js";
import { Takeover, takeoverAfter } from "../../src/train/lanes/takeover.js";
import { type TrainOptions, train, trainJob } from "../../src/train/train.js";
import { until } from "../until.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-lanes-"));
const DATA = "simulate:6000:5";

function specOf(staleness: number) {
  const text = readFileSync("features/ads-demo.yaml", "utf8")
    .replace(/residual: \[[^\]]*\]/, "residual: [8]")
    .replace(/^train:.*$/m, "");
  return parseSpec(`${text}\ntrain: { lanes: 3, round: 64, staleness: ${staleness} }\n`, "lanes.yaml");
}

/** The files of a run's newest checkpoint. */
function filesOf(checkpoint: string): Record<string, string> {
  const names = readdirSync(checkpoint).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(checkpoint, name), "base64")]));
}

async function run(out: string, options: Partial<TrainOptions> = {}, staleness = 0) {
  return train({ model: specOf(staleness), data: DATA, out: join(folder, out), threads: 1, ...options });
}

it.each([0, 1])(
  "lanes of staleness %i write the same checkpoint for any number of threads, killed and resumed or not",
  async (staleness) => {
    const whole = await run(`whole-${staleness}`, { threads: 2 }, staleness);
    expect(whole.skipped).toBe(0);
    expect(whole.last_tenth.logloss!).toBeLessThan(whole.logloss! * 1.05);
    const out = `killed-${staleness}`;
    await run(out, { checkpointEvery: 400, keep: 100 }, staleness);
    expect(leaveHalf(join(folder, out))).toBeGreaterThan(0);
    const resumed = await run(out, { resume: true }, staleness);
    expect(resumed.examples_this_run).toBeLessThan(whole.examples);
    expect(filesOf(resumed.checkpoint)).toEqual(filesOf(whole.checkpoint));
  },
);

it("followers of a run with staleness 1 lacked its last round: they score as its checkpoint does", async () => {
  const log = join(folder, "log");
  const publish = { urls: [log], everyMs: 0 };
  await run("published", { publish, limit: 3000 }, 1);
  const { checkpoint, examples } = await run("published", { publish, resume: true }, 1);
  const loaded = await Scorer.load(checkpoint);
  const follower = Scorer.follow(openFollow(log), { maxStaleness: 0 });
  await until(() => follower.version?.version === examples);
  const request = Buffer.from('{"candidates": [{"user": "u1", "ad": "a1"}, {"user": "u2", "ad": "a3"}]}');
  const { scores } = await loaded.score(request);
  expect((await follower.score(request)).scores).toEqual(scores);
  await Promise.all([loaded.close(), follower.close()]);
});

it("lanes begin with short rounds: on a short stream they learn more than with full rounds, and as much as one process", async () => {
  const text = readFileSync("features/ads-demo.yaml", "utf8").replace(/^train:.*$/m, "");
  const of = async (name: string, options: string) => {
    const model = parseSpec(`${text}\ntrain: { ${options} }\n`, "lanes.yaml");
    return (await train({ model, data: "simulate:12000:5", out: join(folder, name), threads: 1 })).logloss!;
  };
  const [one, lanes, whole] = [
    await of("one", "batch: 512"),
    await of("grown", "lanes: 4, round: 128"),
    await of("at-once", "lanes: 4, round: 128, warmup: 0"),
  ];
  expect(lanes).toBeLessThan(whole - 0.005);
  expect(lanes).toBeLessThan(one + 0.005);
});

/** Leaves a directory as a kill in the middle would: without its later checkpoints. @returns how many are left */
function leaveHalf(directory: string): number {
  const names = readdirSync(directory).filter((name) => name.startsWith("checkpoint-"));
  const early = names.filter((name) => Number(name.slice("checkpoint-".length)) < 4000);
  for (const name of names) if (!early.includes(name)) rmSync(join(directory, name), { recursive: true });
  return early.length;
}

const topic: TopicSpec = {
  kafka: { brokers: ["localhost:1"] },
  topic: "t",
  group: "g",
  start: { at: "earliest" },
  stop: { at: "end" },
  onLost: "stop",
};

it.each([
  [{ limit: 100 }, 0, "--limit"],
  [{}, 1, "staleness"],
  [{ initFrom: "elsewhere" }, 0, "--init-from"],
] as const)("over a topic, %o with staleness %i is refused", async (options, staleness, expected) => {
  const refused = run("topic", { data: [], topic, ...options }, staleness);
  await expect(refused).rejects.toMatchObject({ code: "usage", message: expect.stringContaining(expected) });
});

it.each(["gate: {}", "metrics: { group: user }"])(
  "over a topic, { %s } is refused, since lanes do not exchange the ids of each event",
  (given) => {
    const text = readFileSync("features/ads-demo.yaml", "utf8");
    const model = withLanes(parseSpec(`${text}\n${given}\n`, "m.yaml"), 2);
    expect(() => trainJob({ model, topic, out: join(folder, "refused") })).toThrow(given.slice(0, 4));
  },
);

it("over a topic, --serve is refused", () => {
  const { port1 } = new MessageChannel();
  const options = { model: specOf(0), topic, out: join(folder, "refused"), follower: port1 };
  expect(() => trainJob(options)).toThrow("--serve");
  port1.close();
});

it("a process waits for the linger of its lanes before it takes one over", () => {
  const share = { number: 1, of: 2 };
  expect(takeoverAfter(share)).toBe(4500);
  expect(takeoverAfter(share, 1000, 5000)).toBe(6500);
});

it("a process that took a lane over waited again in every round: it keeps the lane until another one's record counts", () => {
  const takeover = new Takeover({ number: 0, of: 2 }, 3000);
  const all = [0, 1, 2, 3];
  const by = (...senders: number[]) => senders.map((by, lane) => ({ lane, by }));
  expect(takeover.of(all, 2999)).toEqual({ own: [0, 2], others: [] });
  expect(takeover.of(all, 3000)).toEqual({ own: [0, 2], others: [1, 3] });
  takeover.folded(by(0, 0, 0, 0));
  expect(takeover.of(all, 0)).toEqual({ own: [0, 2], others: [1, 3] });
  takeover.folded(by(0, 1, 0, 0));
  expect(takeover.of(all, 0).others).toEqual([3]);
  takeover.folded(by(1, 1, 1, 1));
  expect(takeover.of(all, 0)).toEqual({ own: [0, 2], others: [] });
});

it("lanes given beside a spec without lanes act as if the spec had them", async () => {
  const text = readFileSync("features/ads-demo.yaml", "utf8");
  const withThem = parseSpec(`${text}\ntrain: { lanes: 4 }\n`, "lanes.yaml");
  expect(specHash(withLanes(parseSpec(text, "plain.yaml"), 4))).toBe(specHash(withThem));
  expect(withLanes(withThem, 4)).toBe(withThem);
  expect(() => withLanes(withThem, 8)).toThrow("differs from the spec, which has train.lanes: 4");
  expect(() => withLanes(parseSpec(readFileSync("features/ads-demo-lr.yaml", "utf8"), "lr.yaml"), 4)).toThrow(
    "lr learns event by event",
  );
});
