import { createServer } from "node:net";
import { expect, it } from "vitest";
import { lz4Decompress } from "../../src/core/lz4.js";
import { KafkaAdmin } from "../../src/sources/kafka/admin.js";
import { createKafka, kafkaFailure, kafkaOptions, kafkaUrl } from "../../src/sources/kafka/client.js";

it("brokers, TLS and login are taken from the argument and the environment, as plain data", () => {
  expect(kafkaOptions("kafka://a:1, b:2,", {})).toEqual({ brokers: ["a:1", "b:2"] });
  expect(kafkaUrl("kafka://a:1,b:2/deltas", {})).toEqual({ kafka: { brokers: ["a:1", "b:2"] }, topic: "deltas" });
  const environment = {
    KAFKA_SSL: "true",
    KAFKA_USERNAME: "u",
    KAFKA_PASSWORD: "p",
    KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
  };
  const options = kafkaOptions("[::1]:9092", environment);
  expect(options).toEqual({
    brokers: ["[::1]:9092"],
    ssl: true,
    sasl: { mechanism: "scram-sha-512", username: "u", password: "p" },
  });
  expect(structuredClone(options)).toEqual(JSON.parse(JSON.stringify(options)));
  expect(kafkaOptions("a:1", { KAFKA_SSL_CA: "ca.pem" }).ssl).toEqual({ ca: "ca.pem" });
  expect(kafkaOptions("a:1", { KAFKA_SSL: "false" }).ssl).toBeUndefined();
});

it.each([
  ["localhost", {}, /host:port/],
  ["", {}, /--kafka/],
  ["a:1", { KAFKA_USERNAME: "u" }, /KAFKA_PASSWORD/],
  ["a:1", { KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p", KAFKA_SASL_MECHANISM: "kerberos" }, /kerberos/],
])("%j with %j is refused before any connection", (brokers, environment, message) => {
  const attempt = () => kafkaOptions(brokers, environment);
  const text = (error: { message: string; hint?: string }) => `${error.message} ${error.hint}`;
  try {
    attempt();
  } catch (error) {
    expect(text(error as Error)).toMatch(message);
  }
  expect(attempt).toThrow(expect.objectContaining({ code: "usage" }));
});

it.each(["alice:se@c/ret@kafka:9092", "kafka://alice:se@c/ret@kafka:9092/deltas"])(
  "%s: a login in an address is refused, and was repeated by the error",
  (address) => {
    const attempt = () => (address.startsWith("kafka:") ? kafkaUrl(address, {}) : kafkaOptions(address, {}));
    expect(attempt).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.stringContaining("KAFKA_PASSWORD") }),
    );
    expect(attempt).not.toThrow(/alice|ret/);
  },
);

it("a broker's IPv6 address is connected to", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.end();
  });
  const isListening = await new Promise<boolean>((done) => {
    server.once("error", () => done(false)).listen(0, "::1", () => done(true));
  });
  if (!isListening) return;
  const { port } = server.address() as { port: number };
  const open = KafkaAdmin.open({ ...kafkaOptions(`[::1]:${port}`, {}), retries: 0 });
  await expect(open).rejects.toMatchObject({
    code: "kafka_unreachable",
    message: expect.stringContaining(`[::1]:${port}`),
  });
  expect(connections).toBeGreaterThan(0);
  server.close();
});

it("names a missing certificate file", () => {
  const attempt = () => createKafka({ brokers: ["a:1"], ssl: { ca: "no-such-ca.pem" } });
  expect(attempt).toThrow(
    expect.objectContaining({ code: "source_missing", message: expect.stringMatching(/no-such-ca/) }),
  );
});

it("an unknown error keeps its message and cause", () => {
  const cause = new TypeError("odd");
  expect(kafkaFailure(cause, "topic t")).toMatchObject({ code: "kafka_failed", message: "topic t: odd", cause });
  const wrapped = new Error("outer", {
    cause: kafkaFailure(Object.assign(new Error("x"), { code: "ECONNRESET" }), "t"),
  });
  expect(kafkaFailure(wrapped, "again")).toMatchObject({ code: "kafka_unreachable", message: "t: x" });
});

it("reads LZ4 frames with checksums, a content size, stored blocks and further frames; rejects truncated and foreign ones", () => {
  const word = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
  const magic = word(0x184d2204);
  const ab = [0x20, 0x61, 0x62]; // two literals
  const repeat = [0x24, 0x61, 0x62, 0x02, 0x00, 0x10, 0x63]; // "ab", 8 bytes from 2 back, then "c"
  const plain = [...magic, 0x60, 0x40, 0, ...word(ab.length), ...ab, ...word(0)];
  const full = [
    ...[...magic, 0x7c, 0x40, ...word(13), ...word(0), 0],
    ...[...word(repeat.length), ...repeat, ...word(1)],
    ...[...word(0x80000002), 0x64, 0x65, ...word(2)],
    ...[...word(0), ...word(3)],
  ];
  expect(String(lz4Decompress(Buffer.from([...plain, ...full])))).toBe(`ab${"ababababab"}cde`);
  for (let end = 0; end < plain.length; end++) {
    expect(() => lz4Decompress(Buffer.from(plain.slice(0, end)))).toThrow(/LZ4/);
  }
  expect(() => lz4Decompress(Buffer.from("not compressed at all"))).toThrow("not an LZ4 frame");
});
