// Serve scores over HTTP from a program of your own, and call it.
//
//   node examples/serve.mjs [DIR]      DIR: where the model goes (a temporary folder)
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer, Scorer, train } from "hashbrook";

const out = join(process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-")), "model");
const model = fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo-lr.yaml"));
await train({ model, data: "simulate:4000:7", out });

// The server is a fastify instance: routes and hooks of your own go beside what it brings.
const scorer = await Scorer.load(out);
const server = createServer(scorer, { bodyLimit: 1 << 20 });
server.get("/version", async () => scorer.version);
const url = await server.listen({ host: "127.0.0.1", port: 0 });

/** Asks for scores as any client would. */
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

await server.close(); // requests that came in before are answered
await scorer.close();
