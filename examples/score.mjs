// Rank candidates in process, like `hashbrook serve` without HTTP.
//
//   node examples/score.mjs [DIR]      DIR: folder for the model (default: a temporary one)
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HashbrookError, Scorer, train } from "hashbrook";

// A model to score with: simulated ad impressions, learned with one of the specs in the package.
const out = join(process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-")), "model");
const model = fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo.yaml"));
await train({ model, data: "simulate:4000:7", out });

const scorer = await Scorer.load(out); // the newest intact checkpoint of the run
console.log(scorer.version); // the version of the scores: model, examples learned, hash of the spec

// A request has the context once, and what differs between the candidates. Numbers keep their text, so 64-bit ids
// stay exact: pass on the bytes you received, if you have them.
const request = {
  context: { user: "u17", hour_of_day: 20, device: "phone", user_interests: ["books.1", "travel.2"] },
  candidates: [{ ad: "a1", price: 24.5 }, { ad: "a2" }, { ad: "a3", colour: "red" }, { ad: "never seen" }],
};
const { scores, ignored } = await scorer.score(Buffer.from(JSON.stringify(request)));
const ranking = request.candidates
  .map(({ ad }, i) => ({ ad, probability: scores[i] }))
  .sort((a, b) => b.probability - a.probability);
console.table(ranking);
console.log("no field reads:", ignored); // misspelled names appear here

// Errors in a request have a code, their place, and a hint.
try {
  await scorer.score(Buffer.from('{"candidates": [{"ad": "a1"}, {"ad": ["a2"]}]}'));
} catch (error) {
  if (!(error instanceof HashbrookError)) throw error;
  console.log(`${error.code}: ${error.message} (${error.hint})`);
}
await scorer.close();
