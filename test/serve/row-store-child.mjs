// Follows a log with rows on disk: LOG STORE UNTIL [N inside|after]. Dies in its N-th transaction, or right after it; otherwise it prints the scores of
// the requests on standard input once it has reached entry UNTIL, and the entry that the store had at the start.
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { openFollow, RowDirectory, Scorer } from "../../dist/index.js";

const [log, store, until, at = "0", when] = process.argv.slice(2);
const die = () => process.kill(process.pid, "SIGKILL");
const rows = await RowDirectory.open(store, { cacheBytes: 1500 });
const began = rows.kept?.number ?? -1;
const database = rows.database.bind(rows);
let left = Number(at);
rows.database = async (kept) => {
  const made = await database(kept);
  const { root } = made;
  const commit = root.transactionSync.bind(root);
  root.transactionSync = (step) => {
    const last = --left === 0;
    commit(() => {
      step();
      if (last && when === "inside") die();
    });
    if (last) die();
  };
  return made;
};
const scorer = Scorer.follow(openFollow(log), { rowStore: rows });
while ((scorer.health().replica?.number ?? -1) < Number(until)) await sleep(5);
const scores = [];
for (const body of JSON.parse(await text(process.stdin)))
  scores.push((await scorer.score(Buffer.from(JSON.stringify(body)))).scores);
process.stdout.write(JSON.stringify({ began, scores, resyncs: scorer.health().replica.resyncs }));
await scorer.close();
await rows.close();
