// Learn a model from your own events, and read its quality.
//
//   node examples/train.mjs [DIR]      DIR: folder for the events and the model (default: a temporary one)
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSpec, train } from "hashbrook";

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-"));

// Events are lines of JSON (or TSV, CSV, Vowpal Wabbit text). Here every user likes the articles of one topic.
const topics = ["news", "sport", "food", "travel", "music", "film", "games"];
let state = 1;
function random(n) {
  state = (state * 48271) % 2147483647;
  return Math.floor((state / 2147483647) * n);
}
const events = Array.from({ length: 30_000 }, () => {
  const [user, article, hour] = [random(100), random(70), random(24)];
  const likes = user % topics.length === article % topics.length;
  const clicked = random(100) < (likes ? 40 : 5) ? 1 : 0;
  return { clicked, user: `u${user}`, article: { id: `a${article}`, topic: topics[article % topics.length] }, hour };
});
const data = join(folder, "events.json");
writeFileSync(data, events.map((event) => `${JSON.stringify(event)}\n`).join(""));

// The model spec describes the events, and what to learn from them (features/README.md).
const spec = `
name: articles
events: { format: json }
label: { field: clicked }
fields:
  - { name: user, type: categorical, table: users }
  - { name: article, type: categorical, from: article.id, table: articles }
  - { name: topic, type: categorical, from: article.topic, table: topics }
  - { name: hour, type: numeric, transform: standardize }
  - { name: user_x_topic, type: cross, of: [user, topic] }
tables: { users: { dim: 8 }, articles: { dim: 8 }, topics: { dim: 4 } }
tower: { deep_crossing: { residual: [32] } }
wide: { fields: [user_x_topic] }
`;

const report = await train({
  model: parseSpec(spec, "articles.yaml"),
  data,
  out: join(folder, "model"),
  onProgress: ({ examples, lifetime }) => console.log(`${examples} events, AUC so far ${lifetime.auc}`),
});

// Every event was scored before it was learned: these figures are for events the model had not seen.
console.log(
  `rejected: ${report.rejected}, distinct users: ${report.fields.find(({ name }) => name === "user").distinct}`,
);
for (const { code, message, hint } of report.warnings) console.log(`${code}: ${message} (${hint})`);
const { auc, logloss, normalized_entropy, calibration } = report.last_tenth;
console.log("last tenth of the events:", { auc, logloss, normalized_entropy, calibration });
console.log(`the model is in ${report.checkpoint}`);
