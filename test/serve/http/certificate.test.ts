import { X509Certificate } from "node:crypto";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { createApp } from "../../../src/serve/http/app.js";
import { Certificate } from "../../../src/serve/http/certificate.js";
import { ServeMetrics } from "../../../src/serve/metrics/prometheus.js";
import { temporary } from "../../e2e/hashbrook.js";
import { until } from "../../until.js";

const FIXTURES = "test/fixtures/tls";
const subjectOf = (name: string) => new X509Certificate(readFileSync(join(FIXTURES, name))).subject;

const folder = temporary();
const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
/** As programs that renew certificates do: a new file takes the name. */
function renew(file: keyof typeof files, from: string): void {
  copyFileSync(join(FIXTURES, from), `${files[file]}.new`);
  renameSync(`${files[file]}.new`, files[file]);
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server with the files' certificate, which looks for a renewed one all the time, and what it tells. */
async function serving() {
  const told: string[] = [];
  const certificate = Certificate.read(files, { tell: (text) => told.push(text), lookMs: 5 });
  const app = createApp({ tls: certificate }, "none");
  closing.push(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { told, certificate, port: (app.server.address() as AddressInfo).port };
}

/** The subject of the certificate that a new connection gets. */
const presented = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerX509Certificate()?.subject));
      socket.end();
    });
    socket.on("error", reject);
  });

it("new connections get a renewed certificate without a restart: they got the expired one for ever", async () => {
  renew("cert", "certificate.pem");
  renew("key", "key.pem");
  const { told, port } = await serving();
  expect(await presented(port)).toBe(subjectOf("certificate.pem"));
  renew("cert", "second-certificate.pem");
  await until(() => told.length === 1);
  expect(told[0]).toMatch(/the certificate read before remains in use/);
  expect(await presented(port)).toBe(subjectOf("certificate.pem"));
  renew("key", "second-key.pem");
  await until(() => told.length === 2);
  expect(told[1]).toMatch(/cert\.pem: renewed, valid until .* 21\d\d GMT/);
  expect(await presented(port)).toBe(subjectOf("second-certificate.pem"));
  writeFileSync(files.cert, "damaged");
  await until(() => told.length === 3);
  expect(await presented(port)).toBe(subjectOf("second-certificate.pem"));
});

it("an expired certificate is told once, and a metric says when one expires", async () => {
  renew("cert", "expired-certificate.pem");
  renew("key", "second-key.pem");
  const { told, certificate } = await serving();
  expect(told).toEqual([expect.stringMatching(/expired on Jan {2}1 00:00:00 2021 GMT: clients refuse it/)]);
  const metrics = new ServeMetrics();
  metrics.watchCertificate(certificate);
  expect(await metrics.text()).toMatch(/^hashbrook_certificate_expiration_timestamp_seconds 1609459200$/m);
  renew("cert", "second-certificate.pem");
  await until(() => told.length === 2);
  expect(certificate.expires).toBeGreaterThan(4e12);
});

it("a client that never finishes its handshake is disconnected: it held a connection for two minutes", async () => {
  const tls = { cert: readFileSync(join(FIXTURES, "certificate.pem")), key: readFileSync(join(FIXTURES, "key.pem")) };
  const app = createApp({ tls, timeouts: { headers: 500 } }, "none");
  closing.push(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const socket = connectPlain(port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.on("close", resolve).on("error", () => {}));
  socket.write("\x16\x03\x01");
  expect(await presented(port)).toBe(subjectOf("certificate.pem"));
  await closed;
  expect(socket.bytesRead).toBe(0);
});
