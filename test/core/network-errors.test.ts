import { readFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { networkFailure } from "../../src/core/network-errors.js";

/** Starts a server until the test ends. @returns its port */
async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server whose certificate, for 127.0.0.1, is signed by itself. */
const secure = () =>
  createHttps({
    key: readFileSync("test/fixtures/tls/key.pem"),
    cert: readFileSync("test/fixtures/tls/certificate.pem"),
  });

const failureOf = async (address: string) => networkFailure(await fetch(address).catch((error: unknown) => error));

/** As fetch throws. */
const thrown = (code: string, text = "why") =>
  new TypeError("fetch failed", { cause: Object.assign(new Error(text), { code }) });

describe("a request without a response", () => {
  it("tells a certificate that is not trusted from a store that is not running", async () => {
    const { reason, hint } = await failureOf(`https://127.0.0.1:${await portOf(secure())}/`);
    // Newer versions of Node add advice of their own.
    expect(reason).toMatch(/^fetch failed: self-signed certificate.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)$/);
    expect(hint).toContain("NODE_EXTRA_CA_CERTS");
  });

  it("says that nothing listens at a port: the reason was empty for a host with several addresses", async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const { reason, hint } = await failureOf(`http://localhost:${port}/`);
    expect(reason).toContain("ECONNREFUSED");
    expect(hint).toContain("nothing listens there");
    const several = new AggregateError([
      Object.assign(new Error("connect ECONNREFUSED ::1:1"), { code: "ECONNREFUSED" }),
    ]);
    expect(networkFailure(new TypeError("fetch failed", { cause: several }))).toEqual({
      reason: "fetch failed: connect ECONNREFUSED ::1:1",
      hint,
    });
  });

  it("says which scheme to use", async () => {
    const silent = await portOf(createServer((socket) => void socket.end("220 mail\r\n")));
    expect((await failureOf(`https://127.0.0.1:${silent}/`)).hint).toContain("http://");
    expect((await failureOf(`http://127.0.0.1:${silent}/`)).hint).toContain("https://");
    expect((await failureOf(`http://127.0.0.1:${await portOf(secure())}/`)).hint).toContain("https://");
  });

  it.each([
    ["CERT_HAS_EXPIRED", "renewed"],
    ["CERT_NOT_YET_VALID", "clock is behind"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "NODE_EXTRA_CA_CERTS"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "NODE_EXTRA_CA_CERTS"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "for other hosts"],
    ["ENOTFOUND", "no host of this name"],
    ["EAI_AGAIN", "name server"],
    ["UND_ERR_CONNECT_TIMEOUT", "firewalls"],
    ["EHOSTUNREACH", "firewalls"],
  ])("%s: %s", (code, hint) => {
    expect(networkFailure(thrown(code))).toEqual({
      reason: `fetch failed: why (${code})`,
      hint: expect.stringContaining(hint),
    });
  });

  it("says that fetch does not use a port: a store or registry at it seemed not to be running", async () => {
    const { reason, hint } = await failureOf("http://127.0.0.1:6000/");
    expect([reason, hint]).toEqual(["fetch failed: bad port", expect.stringContaining("use another one")]);
  });

  it("is reported as it is if nothing is known about it", () => {
    expect(networkFailure(new Error("no answer within 60 s"))).toEqual({
      reason: "no answer within 60 s",
      hint: undefined,
    });
    expect(networkFailure("odd")).toEqual({ reason: "odd", hint: undefined });
  });
});
