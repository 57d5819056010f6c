// Rank candidates in process: what `hashbrook serve` does, without HTTP.
//
//   node examples/score.mjs [DIR]      DIR: where the model goes (a temporary folder)
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HashbrookError, Scorer, train } from "hashbrook";

// A model to score with: simulated ad impressions, learned by one of the specs that come with the package.
const out = join(process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-")), "model");
const model = fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo.yaml"));
await train({ model, data: "simulate:4000:7", out });

const scorer = await Scorer.load(out); // the newest sound checkpoint of the run
console.log(scorer.version); // whose scores these are: model, examples learned, hash of the spec

// A request has what is known of the moment once, and what differs between the candidates. Numbers keep their text, so ids
// of 64 bits stay what they are: pass on the bytes you got, if you got any.
const request = {
  context: { user: "u17", hour_of_day: 20, device: "phone", user_interests: ["books.1", "travel.2"] },
  candidates: [{ ad: "a1", price: 24.5 }, { ad: "a2" }, { ad: "a3", colour: "red" }, { ad: "never seen" }],
};
const { scores, ignored } = await scorer.score(Buffer.from(JSON.stringify(request)));
const ranking = request.candidates
  .map(({ ad }, i) => ({ ad, probability: scores[i] }))
  .sort((a, b) => b.probability - a.probability);
console.table(ranking);
console.log("no field reads:", ignored); // a mistyped name stands here

// What is wrong with a request is told with a code, its place, and a mend.
try {
  await scorer.score(Buffer.from('{"candidates": [{"ad": "a1"}, {"ad": ["a2"]}]}'));
} catch (error) {
  if (!(error instanceof HashbrookError)) throw error;
  console.log(`${error.code}: ${error.message} (${error.hint})`);
}
await scorer.close();
