#!/usr/bin/env node
// A real Kafka broker on loopback, for tests and demos: node scripts/kafka.mjs fetch|start|stop|kill|status
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { brokerState, fetchKafka, isAlive, killBroker, startBroker, stopBroker } from "./kafka-broker.mjs";

const USAGE = `node scripts/kafka.mjs COMMAND [--port N] [--dir DIR] [--keep] [--sasl] [--tls]
  fetch    download Kafka's jars from Maven Central into the cache (needs mvn and java)
  start    start a broker and print {"brokers", "pid", "dir", ...}; by default with a free port and an empty log
  stop     stop it cleanly         kill     kill it (SIGKILL)         status   print whether it runs
  --port   port of the broker     --dir    its data and log (default: hashbrook-kafka in the temporary folder)
  --keep   keep the data (and ports) in --dir
  --sasl   also listen with SASL_PLAINTEXT (PLAIN, SCRAM); user alice, password alice-secret
  --tls    also listen with SASL_SSL; "ca" is the certificate's file, for KAFKA_SSL_CA`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string" },
    dir: { type: "string", default: join(tmpdir(), "hashbrook-kafka") },
    keep: { type: "boolean" },
    sasl: { type: "boolean" },
    tls: { type: "boolean" },
    help: { type: "boolean" },
  },
});

const print = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`);
const end = async (how) => {
  const state = brokerState(values.dir);
  if (state) await how(state);
  print({ running: false, dir: values.dir });
};
const commands = {
  fetch: async () => print({ kafka: await fetchKafka() }),
  start: async () => print(await startBroker({ ...values, port: values.port ? Number(values.port) : undefined })),
  stop: () => end(stopBroker),
  kill: () => end(killBroker),
  status: async () => {
    const state = brokerState(values.dir);
    print(state && isAlive(state.pid) ? { running: true, ...state } : { running: false, dir: values.dir });
  },
};

const command = commands[positionals[0]];
if (!command || values.help) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(values.help ? 0 : 2);
}
try {
  await command();
} catch (error) {
  process.stderr.write(`kafka.mjs: ${error.message}\n`);
  process.exit(1);
}
