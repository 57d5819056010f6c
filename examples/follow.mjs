// Let a scorer follow a trainer: its scores reflect what was learned a moment later, without a restart.
//
//   node examples/follow.mjs [DIR]      DIR: folder for model and delta log (default: a temporary one)
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openFollow, Scorer, train } from "hashbrook";

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-"));
const log = join(folder, "deltas"); // or kafka://HOST:PORT/TOPIC, for scorers on other machines
const model = fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo-lr.yaml"));
const out = join(folder, "model");

// The follower may start first: it waits for a snapshot.
const scorer = Scorer.follow(openFollow(log), { maxStaleness: 300 });
console.log("before anything was learned:", scorer.health().ready, scorer.version);

/** Waits until the scorer reflects this many examples. */
async function knows(examples) {
  while ((scorer.version?.version ?? 0) < examples) await setTimeout(20);
}
const request = Buffer.from('{"context": {"user": "u17"}, "candidates": [{"ad": "a1"}, {"ad": "a2"}]}');
const publish = { urls: [log], everyMs: 100 };

// Usually the trainer is a separate process (hashbrook train --kafka … --publish …) and never ends.
const first = await train({ model, data: "simulate:2000:7", out, publish });
await knows(first.examples);
console.log(await scorer.score(request));

const second = await train({ model, data: "simulate:2000:8", out, publish, resume: true });
await knows(second.examples);
console.log(await scorer.score(request)); // a later version, other scores

const { replica } = scorer.health();
console.log({ entries: replica.applied, gaps: replica.gaps, behind: `${replica.staleness} s` });
await scorer.close();
