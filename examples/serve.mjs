// Serve scores over HTTP from your own program, and request them.
//
//   node examples/serve.mjs [DIR]      DIR: folder for the model (default: a temporary one)
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer, Scorer, train } from "hashbrook";

const out = join(process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-")), "model");
const model = fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo-lr.yaml"));
await train({ model, data: "simulate:4000:7", out });

// The server is a fastify instance: add your own routes and hooks.
const scorer = await Scorer.load(out);
const server = createServer(scorer, { bodyLimit: 1 << 20 });
server.get("/version", async () => scorer.version);
const url = await server.listen({ host: "127.0.0.1", port: 0 });

/** Requests scores like any client. */
async function score(body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/v1/score`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, ...(await response.json()) };
}

console.log(await score({ context: { user: "u17" }, candidates: [{ ad: "a1" }, { ad: "a2" }] }));
console.log(await score({ candidates: [] })); // 400: error, code and hint
console.log(await (await fetch(`${url}/v2/health/ready`)).json());

const metrics = await (await fetch(`${url}/metrics`)).text();
console.log(metrics.split("\n").filter((line) => line.startsWith("hashbrook_score_requests_total")));

await server.close(); // requests in progress are answered
await scorer.close();
