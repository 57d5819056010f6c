// A real Apache Kafka broker (KRaft, one node, loopback) for tests and demos. Jars come from Maven Central and are cached.
import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

export const KAFKA_VERSION = "4.4.0";
const LOG4J_VERSION = "2.25.5";
const CLUSTER_ID = "aGFzaGJyb29rLXRlc3QtMQ";
const START_MS = 90_000;
/**
 * How long a broker may be silent before its controller takes it for lost, and refuses new topics ("Replication-factor is
 * invalid"): on a busy machine it pauses for seconds. One that is started again is not accepted for so long if it was killed.
 */
const SESSION_MS = 60_000;
const RESTARTED_SESSION_MS = 3000;
const STARTS = 2;
const FIRST_PORT = 12_000;
const PORTS = 20_000;
const STATE = "broker.json";
const KEYSTORE = "keystore.p12";
const KEYSTORE_PASSWORD = "hashbrook";

/** Users of the SASL listener; each can use PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
export const USERS = { alice: "alice-secret" };

/**
 * @typedef {{ port?: number, dir?: string, keep?: boolean, sasl?: boolean, tls?: boolean, rebalanceDelayMs?: number,
 *   optimized?: boolean, host?: string }} BrokerOptions `host`: the address that clients without a login reach it at, default 127.0.0.1
 * @typedef {{ brokers: string, saslBrokers: string | null, tlsBrokers: string | null, ca: string | null, pid: number, dir: string,
 *   host: string, port: number, ports: number[] }} BrokerFacts
 */

const cache = () =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "hashbrook", `kafka-${KAFKA_VERSION}`);
const classpath = () => join(cache(), "libs", "*");
/** An archive of its loaded classes (CDS), with which it starts in half the time. Empty if this JVM cannot create one. */
const archive = () => join(cache(), "classes.jsa");
const run = promisify(execFile);
const answers = (command, ...args) =>
  run(command, args).then(
    () => true,
    () => false,
  );

/** Why no broker can be started on this machine; null if one can. */
export async function whyUnavailable() {
  if (!(await answers("java", "-version"))) return "java (17 or later) is not on the PATH";
  if (existsSync(cache()) || (await answers("mvn", "-v"))) return null;
  return "Kafka is not in the cache, and mvn, which fetches it, is not on the PATH";
}

/** Downloads Kafka's jars into the cache, unless they exist. An incomplete download never gets the final name. */
export async function fetchKafka() {
  if (existsSync(cache())) return cache();
  const work = `${cache()}.${process.pid}.tmp`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "pom.xml"), pom());
  try {
    const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    const args = ["-B", "-q", plugin, `-DoutputDirectory=${join(work, "libs")}`, "-DincludeScope=runtime"];
    await run("mvn", args, { cwd: work, maxBuffer: 1 << 26 });
    await format(join(work, "libs", "*"), work);
    renameSync(work, cache());
  } catch (error) {
    const output = `${error.stdout ?? ""}${error.stderr ?? ""}`.trim().split("\n").slice(-15).join("\n");
    if (!existsSync(cache())) throw new Error(`cannot fetch Kafka ${KAFKA_VERSION}: ${error.message}\n${output}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cache();
}

/**
 * Formats a data directory once, after the download: starting a broker copies it, which saves a JVM start.
 * With static voters nothing in it depends on ports.
 */
async function format(jars, work) {
  const config = join(work, "format.properties");
  writeFileSync(config, properties({ data: join(work, "data"), client: 9092, controller: 9093 }));
  const users = Object.entries(USERS).flatMap(([name, password]) =>
    ["256", "512"].flatMap((bits) => ["--add-scram", `SCRAM-SHA-${bits}=[name=${name},password=${password}]`]),
  );
  const args = ["format", "-t", CLUSTER_ID, "-c", config, ...users];
  await run("java", ["-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", ...args]);
}

/**
 * Starts a broker and waits until it answers. With `keep` the data in `dir` are kept, and without `port` its previous
 * ports, too. The process outlives this one: stop it with stopBroker or killBroker.
 * @param {BrokerOptions} [options]
 * @returns {Promise<BrokerFacts>}
 */
export async function startBroker(options = {}) {
  await fetchKafka();
  if (!existsSync(archive())) await archiveClasses();
  return start(options, options.optimized ? [] : ["-XX:TieredStopAtLevel=1"]);
}

/** Starts a broker only to archive its classes. If several processes do so at once, one archive is enough. */
async function archiveClasses() {
  const dir = mkdtempSync(join(tmpdir(), "hashbrook-kafka-classes-"));
  const made = join(dir, "classes.jsa");
  try {
    await stopBroker(await start({ dir }, [`-XX:ArchiveClassesAtExit=${made}`]));
  } catch {
    // A start without an archive takes longer, but works.
  }
  if (!existsSync(made)) writeFileSync(made, "");
  cpSync(made, `${archive()}.${process.pid}`);
  renameSync(`${archive()}.${process.pid}`, archive());
  rmSync(dir, { recursive: true, force: true });
}

async function start(options, jvm) {
  const dir = resolve(options.dir ?? join(tmpdir(), "hashbrook-kafka"));
  const before = brokerState(dir);
  if (before && isAlive(before.pid)) throw new Error(`a broker is already running in ${dir} (pid ${before.pid})`);
  const keep = options.keep && existsSync(join(dir, "data"));
  if (!keep) {
    for (const name of ["data", "broker.log", "broker.out", KEYSTORE, "ca.pem"])
      rmSync(join(dir, name), { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    cpSync(join(cache(), "data"), join(dir, "data"), { recursive: true });
  }
  const ports = keep && before ? [...before.ports] : await freePorts(4);
  if (options.port) ports[0] = options.port;
  const [client, controller, saslPort, tlsPort] = ports;
  const sasl = options.sasl ? saslPort : undefined;
  const tls = options.tls ? tlsPort : undefined;
  const { rebalanceDelayMs = 0, host = "127.0.0.1" } = options;
  const settings = {
    ...{ data: join(dir, "data"), host, client, controller, sasl, tls, keystore: join(dir, KEYSTORE) },
    ...{ rebalanceDelayMs, sessionMs: keep ? RESTARTED_SESSION_MS : SESSION_MS },
  };
  const ca = tls ? await certify(dir) : null;
  writeFileSync(join(dir, "server.properties"), properties(settings));
  writeFileSync(join(dir, "log4j2.xml"), log4j(join(dir, "broker.log")));
  const saslBrokers = sasl ? `127.0.0.1:${sasl}` : null;
  const tlsBrokers = tls ? `127.0.0.1:${tls}` : null;
  const brokers = `${host}:${client}`;
  const end = Date.now() + START_MS;
  for (let starts = 1; ; starts++) {
    const child = launch(dir, jvm);
    const facts = { brokers, saslBrokers, tlsBrokers, ca, pid: child.pid, dir, host, port: client, ports };
    writeFileSync(join(dir, STATE), JSON.stringify(facts));
    const problem = await whyNotAnswering(child, facts, end);
    if (!problem) return facts;
    if (starts === STARTS || Date.now() > end) throw new Error(problem);
    console.error(`${problem}\nit is started again`);
  }
}

/** Creates a key and a self-signed certificate for 127.0.0.1. @returns the certificate's path (PEM) */
async function certify(dir) {
  const [keystore, ca] = [join(dir, KEYSTORE), join(dir, "ca.pem")];
  if (existsSync(ca)) return ca;
  const store = ["-alias", "broker", "-keystore", keystore, "-storepass", KEYSTORE_PASSWORD];
  const subject = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1,dns:localhost", "-validity", "3650"];
  await run("keytool", ["-genkeypair", ...store, "-storetype", "PKCS12", "-keyalg", "EC", ...subject]);
  await run("keytool", ["-exportcert", "-rfc", "-file", ca, ...store]);
  return ca;
}

function launch(dir, jvm) {
  const out = openSync(join(dir, "broker.out"), "a");
  const heap = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Xshare:auto", "-Djava.awt.headless=true", ...jvm];
  const archived = existsSync(archive()) && statSync(archive()).size > 0;
  if (archived) heap.push(`-XX:SharedArchiveFile=${archive()}`);
  const log = `-Dlog4j2.configurationFile=${join(dir, "log4j2.xml")}`;
  const args = [...heap, log, "-cp", classpath(), "kafka.Kafka", join(dir, "server.properties")];
  const child = spawn("java", args, { cwd: dir, detached: true, stdio: ["ignore", out, out] });
  child.unref();
  return child;
}

/** Waits until a broker answers. @returns null, or why it does not; then it has ended */
async function whyNotAnswering(child, { host, port, dir }, end) {
  const ending = () => child.signalCode ?? child.exitCode;
  for (; Date.now() < end && ending() === null; await sleep(50)) if (await answersKafka(host, port)) return null;
  const what = ending() === null ? `did not answer within ${START_MS / 1000} s` : `ended (${ending()})`;
  await killBroker(child);
  const text = ["broker.out", "broker.log"].map((name) => tail(join(dir, name))).join("\n");
  return `the broker ${what}:\n${text}`;
}

/** Whether the port answers ApiVersions, the first request of every Kafka client. */
function answersKafka(host, port) {
  return new Promise((done) => {
    const socket = connect(port, host, () => {
      const request = Buffer.alloc(14);
      request.writeInt32BE(10, 0);
      request.writeInt16BE(18, 4);
      request.writeInt32BE(1, 8);
      request.writeInt16BE(-1, 12);
      socket.write(request);
    });
    const end = (answer) => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(2000, () => end(false));
    socket.on("data", () => end(true)).on("error", () => end(false));
    socket.on("close", () => end(false));
  });
}

/** What startBroker wrote in `dir`, or null. @returns {BrokerFacts | null} */
export function brokerState(dir) {
  const path = join(dir, STATE);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
}

/** Stops a broker cleanly (SIGTERM) and waits for its end. @param {{ pid: number }} broker */
export async function stopBroker({ pid }) {
  await end(pid, "SIGTERM");
}

/** Kills a broker (SIGKILL). @param {{ pid: number }} broker */
export async function killBroker({ pid }) {
  await end(pid, "SIGKILL");
}

async function end(pid, signal) {
  if (isAlive(pid)) process.kill(pid, signal);
  for (const patience = Date.now() + 30_000; isAlive(pid); await sleep(20)) {
    if (Date.now() > patience) process.kill(pid, "SIGKILL");
  }
}

/** Whether the process runs and is Kafka: pids are reused, and zombies do not count. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  if (!existsSync("/proc/self/cmdline")) return true;
  return existsSync(commandLine) && readFileSync(commandLine, "latin1").includes("kafka.Kafka");
}

function tail(path) {
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").slice(-20).join("\n") : "";
}

/**
 * Free ports below the range that systems assign automatically, so that no other process gets one before the start of
 * the program that is told it, or while that is down.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port) {
  const server = createServer();
  return new Promise((done) => {
    server.on("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

function properties(settings) {
  const { data, host = "127.0.0.1", client, controller, sasl, tls, keystore } = settings;
  const { rebalanceDelayMs = 0, sessionMs = SESSION_MS } = settings;
  const login = "org.apache.kafka.common.security";
  const plainUsers = Object.entries(USERS).map(([name, password]) => `user_${name}="${password}"`);
  const outside = [sasl && `SASL://127.0.0.1:${sasl}`, tls && `TLS://127.0.0.1:${tls}`].filter(Boolean);
  const open = [`CLIENT://${host}:${client}`, ...outside];
  const logins = (listener) => `listener.name.${listener}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.${listener}.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required ${plainUsers.join(" ")};
listener.name.${listener}.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;
listener.name.${listener}.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required;`;
  // Topics and groups without ACLs are open to all; on those that have some, clients without a login may do anything.
  const rights = `authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true`;
  const certificate = `listener.name.tls.ssl.keystore.location=${keystore}
listener.name.tls.ssl.keystore.password=${KEYSTORE_PASSWORD}
listener.name.tls.ssl.key.password=${KEYSTORE_PASSWORD}`;
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL
listeners=${[...open, `CONTROLLER://127.0.0.1:${controller}`].join(",")}
advertised.listeners=${open.join(",")}
${logins("sasl")}
${logins("tls")}
${tls ? certificate : ""}
${sasl ? rights : ""}
log.dirs=${data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=${rebalanceDelayMs}
group.min.session.timeout.ms=1000
broker.session.timeout.ms=${sessionMs}
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.backoff.ms=1000
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
file.delete.delay.ms=1000
message.max.bytes=20971520
controlled.shutdown.enable=false
`;
}

function log4j(path) {
  return `<Configuration status="error"><Appenders><File name="file" fileName="${path}"><PatternLayout pattern="%d %p %c: %m%n"/></File></Appenders>
<Loggers><Root level="warn"><AppenderRef ref="file"/></Root></Loggers></Configuration>
`;
}

function pom() {
  const dependency = (group, artifact, version) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>hashbrook</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION)}
${dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION)}
</dependencies></project>
`;
}
