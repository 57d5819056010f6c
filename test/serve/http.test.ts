import { mkdtempSync } from "node:fs";
import { METHODS } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TrainServer } from "../../src/cli/train-server.js";
import { DirectorySource } from "../../src/delta-log/directory-source.js";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";

let port: number;
let close: () => Promise<unknown>;

beforeAll(async () => {
  const scorer = Scorer.follow(new DirectorySource(mkdtempSync(join(tmpdir(), "hashbrook-http-"))));
  const app = createServer(scorer, { bodyLimit: 1000, maxEventLoopDelay: 0 });
  port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  close = () => app.close().then(() => scorer.close());
});
afterAll(() => close());

/** The response to raw bytes on a separate connection. */
async function answer(request: string, to = port): Promise<{ status: number; head: string; body: string }> {
  const socket = connect(to, "127.0.0.1");
  let text = "";
  socket.on("data", (data) => (text += data));
  socket.write(request);
  await new Promise((resolve) => socket.on("close", resolve).on("error", resolve));
  const [head, body = ""] = text.split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head: head.toLowerCase(), body };
}

const request = (line: string, headers: string[] = [], body = "") =>
  `${line} HTTP/1.1\r\n${["Host: x", "Connection: close", ...headers].join("\r\n")}\r\n\r\n${body}`;
const post = (headers: string[], body: string, type = "application/json") =>
  request("POST /v1/score", [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers], body);

it("invalid HTTP after two requests is refused after their responses, not in place of the first one", async () => {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.on("data", (data) => (text += data));
  const asked = "POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  socket.write(`${asked}${asked}nonsense\r\n\r\n`);
  await new Promise((resolve) => socket.on("close", resolve));
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(["503", "503", "400"]);
});

const refused: [what: string, text: string, status: number, code: string][] = [
  ["a bad URL", request("GET /%world"), 400, "bad_request"],
  ["no host, which was answered", "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "bad_request"],
  ["two hosts, of which the first was taken", request("GET /metrics", ["Host: y"]), 400, "bad_request"],
  ["no HTTP", "nonsense\r\n\r\n", 400, "bad_request"],
  ["an unknown method", request("FETCH /v1/score"), 400, "bad_request"],
  ["headers too large", request("GET /metrics", [`X: ${"y".repeat(20_000)}`]), 431, "headers_too_large"],
  [
    "too many headers",
    request(
      "GET /metrics",
      Array.from({ length: 3000 }, (_, i) => `X${i}: y`),
    ),
    431,
    "headers_too_large",
  ],
  ["an expectation", request("GET /metrics", ["Expect: gold"]), 417, "expectation_failed"],
  ["no such endpoint", request("GET /v1/nothing"), 404, "not_found"],
  ["a name with a slash", request("GET /v1/models/%2e%2e%2fads"), 404, "not_found"],
  ["a wrong method", request("GET /v1/score?x=1"), 405, "method_not_allowed"],
  ["another wrong method", request("DELETE /metrics"), 405, "method_not_allowed"],
  ["a method of WebDAV", request("PROPFIND /metrics"), 405, "method_not_allowed"],
  [
    "a method that needs a content type, where it was asked for one",
    request(METHODS.includes("QUERY") ? "QUERY /metrics" : "PUT /metrics"),
    405,
    "method_not_allowed",
  ],
  [
    "a wrong method, whose content type was judged",
    request("POST /metrics", ["Content-Type: nonsense", "Content-Length: 2"], "{}"),
    405,
    "method_not_allowed",
  ],
  [
    "no such endpoint, whose body was called too large",
    request("POST /v1/nothing", ["Content-Type: application/json", "Content-Length: 5000"], "x".repeat(5000)),
    404,
    "not_found",
  ],
  ["another content type", post([], "{}", "text/plain"), 415, "unsupported_media_type"],
  ["no content type", request("POST /v1/score", ["Content-Length: 2"], "{}"), 415, "unsupported_media_type"],
  ["a compressed body", post(["Content-Encoding: gzip"], "\x1f\x8b"), 415, "unsupported_media_type"],
  [
    "a body compressed for transfer, which was read as JSON",
    request("POST /v1/score", ["Content-Type: application/json", "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"),
    415,
    "unsupported_media_type",
  ],
  ["a body too large", post([], "x".repeat(5000)), 413, "request_too_large"],
  [
    "a body far too large, told so and not sent yet",
    request("POST /v1/score", ["Content-Type: application/json", "Content-Length: 99999999999"], "{"),
    413,
    "request_too_large",
  ],
  ["no body", request("POST /v1/score"), 400, "request_invalid"],
  ["no snapshot yet", post(["Content-Encoding: identity"], '{"candidates":[{}]}'), 503, "not_ready"],
];

describe("every error has the same form", () => {
  it.each(refused)("for %s", async (_, text, status, code) => {
    const { status: got, head, body } = await answer(text);
    expect([got, head], body).toEqual([status, expect.stringContaining("content-type: application/json")]);
    expect(JSON.parse(body)).toEqual({ error: expect.stringMatching(/./), code, hint: expect.any(String) });
  });

  it("names the methods that are allowed", async () => {
    expect((await answer(request("GET /v1/score"))).head).toMatch(/^allow: post$/m);
    expect((await answer(request("POST /metrics"))).head).toMatch(/^allow: (get, head|head, get)$/m);
    const head = await answer(request("HEAD /v1/score"));
    expect([head.status, head.body]).toEqual([405, ""]);
  });

  it("needs no Host header in HTTP/1.0", async () => {
    expect(await answer("GET /v2/health/live HTTP/1.0\r\n\r\n")).toMatchObject({ status: 200, body: '{"live":true}' });
  });

  it("a body too large was asked for with 100 before it was refused", async () => {
    const large = ["Content-Type: application/json", "Content-Length: 5000", "Expect: 100-continue"];
    const head = (headers: string[]) => `POST /v1/score HTTP/1.1\r\nHost: x\r\n${headers.join("\r\n")}\r\n\r\n`;
    const { status, head: got, body } = await answer(head(large));
    expect([status, got]).toEqual([413, expect.stringContaining("connection: close")]);
    expect(JSON.parse(body)).toMatchObject({ code: "request_too_large", hint: "split the request" });
    const small = await answer(`${head(["Content-Length: 2", ...large.toSpliced(1, 1), "Connection: close"])}{}`);
    expect(small.head).toBe("http/1.1 100 continue");
  });
});

describe("a trainer's own metrics", () => {
  it("return errors in the same form", async () => {
    const output: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => output.push(text) > 0) as typeof write;
    const server = await TrainServer.open({ serve: undefined, metrics: 0, host: "127.0.0.1" });
    process.stderr.write = write;
    const to = Number(new URL(JSON.parse(output[0]).metrics).port);
    for (const [what, text, status, code] of refused.filter(([, , status]) => [400, 431, 417, 404].includes(status))) {
      if (code === "request_invalid" || what === "a bad URL") continue;
      const { status: got, body } = await answer(text, to);
      expect([what, got, JSON.parse(body)]).toEqual([what, status, expect.objectContaining({ code })]);
    }
    const { status, head, body } = await answer(request("POST /metrics?a"), to);
    expect([status, JSON.parse(body).code]).toEqual([405, "method_not_allowed"]);
    expect(head).toMatch(/^allow: get, head$/m);
    expect((await answer(request("GET /v2/health/live?x"), to)).status).toBe(200);
    await server.close();
  });
});
