import { mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { listenOptions } from "../../src/cli/serve-options.js";
import { checkedTokens, readTokens } from "../../src/serve/http/token.js";
import { Models } from "../../src/serve/models/models.js";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer, type ServerOptions } from "../../src/serve/server.js";
import { until } from "../until.js";
import { twoVersions } from "./served.js";

const TOKENS = ["the-first-client's-token", "the-second-client's-token"];
let scorer: Scorer;
let body: string;
const apps: FastifyInstance[] = [];

beforeAll(async () => {
  const files = await twoVersions();
  scorer = await Scorer.load(files.newer);
  body = files.body;
});
afterEach(() => void vi.useRealTimers());
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));
afterAll(() => scorer.close());

function serving(options: ServerOptions): FastifyInstance {
  const app = createServer(scorer, { maxEventLoopDelay: 0, ...options });
  apps.push(app);
  return app;
}
const score = (app: FastifyInstance, headers: Record<string, string> = {}) =>
  app.inject({
    method: "POST",
    url: "/v1/score",
    payload: body,
    headers: { "content-type": "application/json", ...headers },
  });

describe("tokens", () => {
  it("are required by every endpoint except the health checks", async () => {
    const app = serving({ tokens: TOKENS });
    for (const token of TOKENS) expect((await score(app, { authorization: `Bearer ${token}` })).statusCode).toBe(200);
    for (const authorization of ["", "Bearer", "Bearer x", `Basic ${TOKENS[0]}`, `Bearer ${TOKENS[0]}x`]) {
      const refused = await score(app, { authorization });
      expect([refused.statusCode, refused.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
      expect(refused.json()).toMatchObject({ code: "unauthorized", hint: expect.stringContaining("Bearer") });
    }
    expect((await app.inject("/metrics")).statusCode).toBe(401);
    expect((await app.inject("/v1/nothing")).statusCode).toBe(401);
    expect((await app.inject("/v2/health/live")).statusCode).toBe(200);
    expect((await app.inject("/v2/health/ready")).statusCode).toBe(200);
  });

  it("are lines of a file; short or invalid ones are refused with their line", () => {
    const file = join(mkdtempSync(join(tmpdir(), "hashbrook-token-")), "tokens");
    writeFileSync(file, `# clients\n${TOKENS[0]}\r\n\n  ${TOKENS[1]}\n`);
    expect(readTokens(file)).toEqual(TOKENS);
    expect(() => readTokens(`${file}.none`)).toThrow(/cannot be read/);
    expect(() => checkedTokens("# none\n", "f")).toThrow(/^f: has no token/);
    expect(() => checkedTokens(`${TOKENS[0]}\nshort\n`, "f")).toThrow(/^f:2: not a valid token/);
  });

  it("are required for addresses other than loopback, unless the network is declared trusted", () => {
    expect(() => listenOptions({ host: "0.0.0.0" })).toThrow(expect.objectContaining({ code: "usage" }));
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
      expect(listenOptions({ host }).tokens).toBeUndefined();
    expect(listenOptions({ host: "0.0.0.0", insecure: true }).tokens).toBeUndefined();
    expect(() => listenOptions({ host: "::1", tlsCert: "cert.pem" })).toThrow(/each needs the other/);
    // No certificate: reported with a stack trace, as an internal error.
    const files = { tlsCert: "package.json", tlsKey: "package.json" };
    const refused = {
      code: "usage",
      message: expect.stringMatching(/^--tls-cert package\.json, --tls-key package\.json: /),
    };
    expect(() => listenOptions({ host: "::1", ...files })).toThrow(expect.objectContaining(refused));
  });
});

describe("TLS", () => {
  it("is part of the announced address, https as https", async () => {
    // Without a certificate it listens, and no handshake succeeds.
    const app = serving({ tls: { cert: "", key: "" } });
    expect(await app.listen({ port: 0, host: "127.0.0.1" })).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });
});

describe("deadlines", () => {
  it("a request whose deadline has passed is refused before it is scored", async () => {
    const app = serving({});
    expect((await score(app, { "x-request-timeout-ms": "0" })).json()).toMatchObject({ code: "deadline_exceeded" });
    expect((await score(app, { "x-request-timeout-ms": "60000" })).statusCode).toBe(200);
    for (const bad of ["-1", "soon", "1e3", "99999999999"]) {
      const refused = await score(app, { "x-request-timeout-ms": bad });
      expect([refused.statusCode, refused.json().code]).toEqual([400, "request_invalid"]);
    }
  });
});

/** Blocks this thread, and so the server. */
const pause = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

describe("load", () => {
  it("is not what a start or a pause takes: a server refused all that came in the second after it", async () => {
    const app = serving({ maxEventLoopDelay: 500 });
    await app.ready();
    pause(1500);
    await sleep(1);
    expect((await score(app)).statusCode).toBe(200);
    await until(async () => {
      pause(700);
      return (await score(app)).statusCode === 503;
    });
    expect((await score(app)).json()).toMatchObject({
      code: "overloaded",
      error: expect.stringContaining("event loop"),
    });
  });

  it("a client over its rate limit is told when to retry", async () => {
    const app = serving({ rateLimit: 3 });
    // However long the five take, they arrive within the second that is counted.
    vi.useFakeTimers({ toFake: ["Date"] });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await score(app)).statusCode);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const refused = await score(app);
    expect(refused.json()).toMatchObject({ code: "rate_limited", hint: expect.any(String) });
    expect(refused.headers["retry-after"]).toMatch(/^\d+$/);
    vi.useRealTimers();
    expect((await app.inject("/v2/health/live")).statusCode).toBe(200);
  });

  it("counts a token's requests together, however its header is spelt", async () => {
    const app = serving({ rateLimit: 1, tokens: [TOKENS[0]] });
    vi.useFakeTimers({ toFake: ["Date"] });
    const spelt = ["Bearer", "bearer", "BEARER ", "Bearer  "].map((scheme) => `${scheme} ${TOKENS[0]}`);
    const statuses = [];
    for (const authorization of spelt) statuses.push((await score(app, { authorization })).statusCode);
    vi.useRealTimers();
    expect(statuses).toEqual([200, 429, 429, 429]);
  });

  it.each([
    [0.5, 1, 2],
    [1.5, 2, 2],
    [2.5, 3, 2],
  ])("allows no more than a rate of %s a second, and names it", async (rateLimit, most, seconds) => {
    const app = serving({ rateLimit });
    vi.useFakeTimers({ toFake: ["Date"] });
    const answers = [];
    for (let i = 0; i <= most; i++) answers.push(await score(app));
    vi.useRealTimers();
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([...Array(most).fill(200), 429]);
    expect(answers.at(-1)!.json().error).toBe(`rate limit of ${rateLimit} requests per second exceeded`);
    expect(answers.at(-1)!.headers["retry-after"]).toBe(String(seconds));
  });

  it("requests beyond the queue are refused at once, and queued ones are answered", async () => {
    const app = serving({ maxQueue: 2 });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = new URL(url);
    // Two clients that announce a body and wait.
    const slow = [0, 1].map(() => connect(Number(port), "127.0.0.1"));
    const answers = slow.map(
      (socket) => new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data)))),
    );
    const head = `POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    let waiting = 0;
    const both = new Promise<void>((resolve) => app.server.on("request", () => ++waiting === 2 && resolve()));
    for (const socket of slow) socket.write(head);
    await both;
    const refused = await post(url);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ code: "overloaded", hint: expect.any(String) });
    for (const socket of slow) socket.write(body);
    for (const answer of answers) expect(await answer).toMatch(/^HTTP\/1.1 200/);
    for (const socket of slow) socket.destroy();
    expect(
      (await fetch(`${url}/metrics`).then((r) => r.text())).includes('refused_requests_total{reason="overloaded"}'),
    ).toBe(true);
    expect((await post(url)).status).toBe(200);
  });

  it("a refused request keeps the connection open: pipelined requests are answered in order", async () => {
    const app = serving({ maxQueue: 0 });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const head = (line: string, length: number) => `${line}\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;
    const refused = `${head("POST /v1/score HTTP/1.1", body.length)}${body}`;
    const alive = head("GET /v2/health/live HTTP/1.1", 0);
    const last = "POST /v1/score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const received = await responseTo(url, `${refused}${refused}${alive}${refused}${alive}${refused}${last}`);
    expect(received.match(/HTTP\/1.1 \d+/g)).toEqual([503, 503, 200, 503, 200, 503, 503].map((s) => `HTTP/1.1 ${s}`));
    expect(received.match(/"code":"overloaded"/g)).toHaveLength(5);
    const old = await responseTo(url, `${head("POST /v1/score HTTP/1.0", body.length)}${body}`);
    expect(old).toMatch(/^HTTP\/1.1 503.*connection: close.*"code":"overloaded"/is);
  });

  it("a client that disconnects during the body of a refused request leaves nothing behind", async () => {
    const app = serving({ maxQueue: 0 });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const open = () => new Promise<number>((resolve) => app.server.getConnections((_, count) => resolve(count)));
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(`POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n{`);
    expect(await new Promise((resolve) => socket.once("data", (data) => resolve(String(data))))).toMatch(/ 503 /);
    socket.destroy();
    await expect.poll(open).toBe(0);
  });

  /** The server's response to bytes until it closes the connection. */
  const responseTo = (url: string, bytes: string) =>
    new Promise<string>((resolve) => {
      let received = "";
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes));
      socket.on("data", (data) => {
        received += data;
      });
      socket.on("close", () => resolve(received));
    });

  const post = (url: string) =>
    fetch(`${url}/v1/score`, { method: "POST", body, headers: { "content-type": "application/json" } });
});

describe("requests", () => {
  it("have an id, the client's if it sent one, in the response and in errors", async () => {
    const app = serving({});
    expect((await score(app, { "x-request-id": "order-17" })).headers["x-request-id"]).toBe("order-17");
    const own = (await score(app, { "x-request-id": "x".repeat(500) })).headers["x-request-id"];
    expect(own).toMatch(/^[\w-]{3,30}$/);
    expect((await app.inject("/v1/nothing")).headers["x-request-id"]).toMatch(/./);
  });
});

describe("a server that is about to end", () => {
  it("says so in its answers, so that no further request is sent on a connection that is closed", async () => {
    const models = Models.of(scorer);
    const app = createServer(models, { maxEventLoopDelay: 0 });
    apps.push(app);
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const head = `host: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    const request = `POST /v1/score HTTP/1.1\r\n${head}\r\n\r\n${body}`;
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const heard = () => new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
    socket.write(request);
    expect(await heard()).toMatch(/200 OK[\s\S]*connection: keep-alive/i);
    models.draining = true;
    socket.write(request);
    expect(await heard()).toMatch(/200 OK[\s\S]*connection: close/i);
    await new Promise((resolve) => socket.once("end", resolve));
  });
});

describe("slow clients", () => {
  /** Writes, then one byte at a time. @returns the server's response when it has closed the connection */
  function dripping(port: number, first: string, drip = ""): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      let [at, received] = [0, ""];
      const timer = setInterval(() => socket.write(drip.charAt(at++ % drip.length)), 40);
      socket.write(first);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        received += data;
      });
      socket.on("close", () => {
        clearInterval(timer);
        resolve(received);
      });
    });
  }

  it("are kept idle for as long as a load balancer keeps them, which otherwise answers 502", async () => {
    const { timeouts } = listenOptions({ host: "::1", keepAliveMs: 620_000 });
    const told = [serving({ timeouts }), serving({ timeouts: listenOptions({ host: "::1" }).timeouts })].map(
      async (app) => {
        const { headers } = await fetch(`${await app.listen({ port: 0 })}/v2/health/live`);
        return headers.get("keep-alive");
      },
    );
    expect(await Promise.all(told)).toEqual(["timeout=620", "timeout=65"]);
  });

  it("are disconnected, whether slow or idle, while others are answered", async () => {
    // A busy machine may not run this process for half a second, which would make the others slow, too.
    const app = serving({ timeouts: { headers: 1500, request: 3000, idle: 1500 } });
    const url = await app.listen({ port: 0 });
    const port = Number(new URL(url).port);
    const line = "POST /v1/score HTTP/1.1\r\n";
    const head = `${line}host: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const idle = dripping(port, head + body);
    let slow = true;
    const others = (async () => {
      const statuses = new Set<number>();
      while (slow) statuses.add((await fetch(`${url}/v1/score`, { ...POST, body })).status);
      return [...statuses];
    })();
    const eight = (first: string, drip: string) => Array.from({ length: 8 }, () => dripping(port, first, drip));
    const received = await Promise.all([...eight("", head), ...eight(line, "x: y\r\n"), ...eight(head, " ")]);
    expect(received.every((answer) => answer === "" || answer.startsWith("HTTP/1.1 408"))).toBe(true);
    expect(await idle).toMatch(/^HTTP\/1.1 200/);
    slow = false;
    expect(await others).toEqual([200]);
  });
});

const POST = { method: "POST", headers: { "content-type": "application/json" } };
