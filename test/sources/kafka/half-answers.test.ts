import { createRequire } from "node:module";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { createKafka } from "../../../src/sources/kafka/client.js";

const HALF = Buffer.from([0, 0, 0, 100, 0, 0, 0, 7, 1, 2, 3]);
const WHOLE = Buffer.from([0, 0, 0, 8, 0, 0, 0, 9, 4, 5, 6, 7]);

it("reads the first response of a new connection after one was lost within a response", async () => {
  const answers = [HALF, WHOLE];
  const server = createServer((socket: Socket) => socket.end(answers.shift() ?? WHOLE));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  createKafka({ brokers: [`127.0.0.1:${port}`] });
  const require = createRequire(import.meta.url);
  const Connection = require("kafkajs/src/network/connection");
  const quiet = { namespace: () => quiet, debug() {}, error() {}, info() {}, warn() {} };
  const socketFactory = require("kafkajs/src/network/socketFactory")();
  const options = { host: "127.0.0.1", port, logger: quiet, socketFactory };
  const connection = new Connection({ ...options, requestTimeout: 5000, connectionTimeout: 5000 });
  const responses: unknown[] = [];
  connection.requestQueue.fulfillRequest = (answer: unknown) => responses.push(answer);
  try {
    for (const left of [1, 0]) {
      await connection.connect();
      await expect.poll(() => [answers.length, connection.isConnected()]).toEqual([left, false]);
    }
    expect(responses).toEqual([{ size: 8, correlationId: 9, payload: Buffer.from([4, 5, 6, 7]) }]);
  } finally {
    server.close();
  }
});
