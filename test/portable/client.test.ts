import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Client, ClientError } from "../../src/portable/client.js";
import { python, pythonHas } from "../python.js";
import { BIG, shop } from "../serve/served.js";

const REQUEST = {
  context: { user: { id: BIG } },
  candidates: [{ item: { id: "i3", maker: "m3", price: 4 } }, { item: { id: "i39" } }],
};
let served: Awaited<ReturnType<typeof shop>>;
let url: string;
const servers: Server[] = [];
beforeAll(async () => {
  served = await shop();
  url = await served.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(async () => {
  for (const server of servers) server.close();
  await served.close();
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A proxy before the shop's server, like a load balancer: it sends `refusals` itself, then forwards requests. */
async function balancer(refusals: readonly { readonly status: number; readonly after?: string }[]) {
  const seen: IncomingHttpHeaders[] = [];
  const address = await listen(async (request, response) => {
    const refusal = refusals[seen.length];
    seen.push(request.headers);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (!refusal) {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url + request.url, { method: request.method!, headers, body: Buffer.concat(chunks) });
      response.writeHead(answer.status, headers).end(await answer.text());
    } else {
      const body = { error: "busy", code: "overloaded", hint: "wait" };
      const after = refusal.after !== undefined && { "retry-after": refusal.after };
      response.writeHead(refusal.status, { ...after }).end(JSON.stringify(body));
    }
  });
  return { address, seen };
}

/** Where the time of a call is not what is tested. */
const PATIENT = { timeoutMs: 20_000 };

const errorOf = (work: Promise<unknown>) => work.then(() => null).catch((error: unknown) => error as ClientError);

describe("hashbrook/client", () => {
  it("scores objects with bigints, by model name, with top_k and field contributions", async () => {
    const client = new Client(`${url}/`, PATIENT);
    const { scores, model, version, ...rest } = await client.score(REQUEST);
    expect([scores.length, model, version, rest.top_k]).toEqual([2, "shop", 3000, undefined]);
    const again = await client.score({ ...REQUEST, model: "shop", topK: 1, explain: true });
    expect(again.scores).toEqual(scores);
    expect(again.top_k).toEqual([{ index: scores[0] >= scores[1] ? 0 : 1, score: Math.max(...scores) }]);
    expect(Object.keys(again.explain![0].shares)).toContain("maker");
    expect(await client.ready()).toBe(true);
  });

  it("reports the server's errors with code, hint, status and request id", async () => {
    const client = new Client(url, PATIENT);
    const error = await errorOf(client.score({ candidates: [{ item: { id: {} } }] }, { requestId: "mine" }));
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: "request_invalid", status: 400, requestId: "mine", retryAfterMs: null });
    expect(error!.hint).toContain("categorical fields accept");
    expect(await errorOf(client.score({ ...REQUEST, model: "other" }))).toMatchObject({ status: 404 });
    expect(await errorOf(client.score({ candidates: [{ price: Number.NaN }] }))).toMatchObject({
      code: "request_invalid",
      message: "body.candidates[0].price: NaN cannot be written as JSON",
    });
  });

  it("retries if the server is overloaded, and sends the remaining time", async () => {
    const { address, seen } = await balancer([{ status: 503, after: "0" }, { status: 429 }]);
    const { scores } = await new Client(address, { ...PATIENT, backoffMs: 30, token: "t" }).score(REQUEST);
    expect(scores).toHaveLength(2);
    const left = seen.map((headers) => Number(headers["x-request-timeout-ms"]));
    expect(left).toEqual(left.toSorted((a, b) => b - a));
    expect(left[0]).toBeLessThanOrEqual(PATIENT.timeoutMs);
    expect(seen.map(({ authorization }) => authorization)).toEqual(Array(3).fill("Bearer t"));
  });

  it("treats an option that is undefined as not given", async () => {
    const options = { timeoutMs: undefined, retries: undefined, backoffMs: undefined, fetch: undefined };
    const client = new Client(url, options as object);
    // A busy machine does not answer within the default, a second.
    expect((await client.score(REQUEST, PATIENT)).scores).toHaveLength(2);
    const { address, seen } = await balancer([{ status: 400 }]);
    await errorOf(new Client(address, options as object).score(REQUEST));
    await expect.poll(() => Number(seen[0]?.["x-request-timeout-ms"])).toBeLessThanOrEqual(1000);
  });

  it("gives up after its retries, if waiting would exceed the deadline, and for errors that are not retriable", async () => {
    const busy = await balancer(Array(9).fill({ status: 503, after: "0" }));
    const options = { ...PATIENT, retries: 1 };
    expect(await errorOf(new Client(busy.address, options).score(REQUEST))).toMatchObject({
      code: "overloaded",
      hint: "wait",
    });
    expect(busy.seen).toHaveLength(2);
    const later = await balancer([{ status: 503, after: "60" }]);
    const error = await errorOf(new Client(later.address, options).score(REQUEST));
    expect([error!.code, error!.retryAfterMs, later.seen.length]).toEqual(["overloaded", 60_000, 1]);
    const wrong = await balancer([{ status: 400 }]);
    expect(await errorOf(new Client(wrong.address, PATIENT).score(REQUEST))).toMatchObject({ status: 400 });
    expect(wrong.seen).toHaveLength(1);
  });

  it("rejects with the signal's reason also if it is aborted when a refusal has just arrived", async () => {
    const stop = new AbortController();
    const refused = async () => {
      stop.abort(new Error("no longer wanted"));
      return new Response("", { status: 503, headers: { "retry-after": "3600" } });
    };
    const client = new Client("http://localhost:1", { fetch: refused });
    expect(await errorOf(client.score(REQUEST, { signal: stop.signal }))).toMatchObject({
      message: "no longer wanted",
    });
  });

  it("fails at its deadline, on the caller's signal, and if no server responds", async () => {
    const silent = await listen(() => {});
    const late = await errorOf(new Client(silent).score(REQUEST, { timeoutMs: 50 }));
    expect(late).toMatchObject({ code: "deadline_exceeded", status: null });
    const stop = new AbortController();
    const given = errorOf(new Client(silent).score(REQUEST, { timeoutMs: 60_000, signal: stop.signal }));
    stop.abort(new Error("no longer wanted"));
    expect(await given).toMatchObject({ message: "no longer wanted" });
    const gone = new Client("http://127.0.0.1:1", { ...PATIENT, backoffMs: 1 });
    expect(await errorOf(gone.score(REQUEST))).toMatchObject({ code: "unreachable", status: null });
    expect(await errorOf(gone.ready())).toMatchObject({ code: "unreachable" });
    const other = await listen((_, response) => void response.end("<html>"));
    expect(await errorOf(new Client(other).score(REQUEST, PATIENT))).toMatchObject({ code: "bad_answer", status: 200 });
  });
});

/** The output of a program in a separate process. */
function output(command: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message}${stderr}`)) : resolve(stdout),
    );
    child.stdin?.end(input);
  });
}

describe("the client examples in docs/SERVING.md", () => {
  const [, section] = readFileSync("docs/SERVING.md", "utf8").split("\n## Clients\n");

  it("the TypeScript runs unchanged", async () => {
    const [, program] = /```ts\n([\s\S]*?)```/.exec(section)!;
    const built = `${process.cwd()}/dist/portable/client.js`;
    const text = program
      .replace("hashbrook/client", built)
      .replace("http://localhost:8080", url)
      .replace("timeoutMs: 200", "timeoutMs: 20_000");
    expect(await output(process.execPath, ["--input-type=module", "-e", text])).toMatch(
      /^2 scores, the best of candidate [01]\n$/,
    );
  });

  it("the curl command runs unchanged", async () => {
    const [, command] = /```sh\n([\s\S]*?)```/.exec(section)!;
    const answer = JSON.parse(await output("bash", ["-c", command.replace("localhost:8080", url)])) as {
      scores: number[];
    };
    expect(answer.scores).toHaveLength(1);
  });

  it.skipIf(!pythonHas("urllib.request"))(
    "examples/python/client.py scores, retries, and reports errors in twenty lines",
    async () => {
      const text = readFileSync("examples/python/client.py", "utf8");
      expect(text.trim().split("\n").length).toBeLessThanOrEqual(20);
      const example = ["-c", text.replace("timeout=1.0", "timeout=20.0")];
      const request = JSON.stringify({ ...REQUEST, context: { user: { id: String(BIG) } } });
      const { address, seen } = await balancer([{ status: 503, after: "0" }]);
      const answer = JSON.parse(await output(python, [...example, address], request)) as { scores: number[] };
      expect([answer.scores, seen.length]).toEqual([(await new Client(url, PATIENT).score(REQUEST)).scores, 2]);
      await expect(output(python, [...example, url], '{"candidates": []}')).rejects.toThrow(/request_invalid: /);
    },
  );
});
