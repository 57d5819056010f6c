import { availableParallelism } from "node:os";
import { Command } from "commander";
import { checkRunExists } from "../checkpoints/store.js";
import { withoutSecrets } from "../core/address.js";
import { closeQuietly } from "../core/closing.js";
import { HashbrookError } from "../core/errors.js";
import { openFollow } from "../delta-log/open.js";
import { Recorder } from "../impression-log/recorder.js";
import { createAdminServer } from "../serve/admin-server.js";
import { ServeMetrics } from "../serve/metrics/prometheus.js";
import { Models } from "../serve/models/models.js";
import { ServedModel } from "../serve/models/served-model.js";
import { checkRun } from "../serve/models/stored-model.js";
import { Scorer } from "../serve/scorer.js";
import { createServer, type ServerOptions } from "../serve/server.js";
import { ScoringThreads } from "../serve/threads/threads.js";
import { listening } from "./listen.js";
import { KAFKA_ENVIRONMENT } from "./options.js";
import { RowStores } from "./row-stores.js";
import {
  listenOptions,
  MAX_STALENESS,
  modelOptions,
  type Named,
  type ServeFlags,
  serverOptions,
} from "./serve-options.js";
import { adminTokensOf, checkExploring, checkModels, checkRowStore } from "./serve-refused.js";
import { stopSignal } from "./signals.js";
import { tellPassedOver } from "./summary.js";
import { warn } from "./warn.js";
import { tellServingMemory } from "./warnings.js";

const LOG_SHARE = 0.1;

export function serveCommand(): Command {
  const command = new Command("serve");
  return serverOptions(modelOptions(command))
    .addHelpText(
      "after",
      `
POST /v1/models/NAME:score   {"context": {...}, "candidates": [{...}, ...]} -> {"scores": [...], "model", "version", "spec_hash"}
POST /v1/score               the same, if there is only one model
GET  /v2/health/ready        200 when the models are loaded (and fresh enough), else 503
GET  /metrics                Prometheus text
GET  /docs, /openapi.json    every endpoint
Members are the model's source columns (JSON models: nested as in the events); a candidate's members are merged with the
context's at every depth and take precedence. "ignored" lists members that no field reads.
With a token, every endpoint except the health endpoints requires "Authorization: Bearer TOKEN".

${KAFKA_ENVIRONMENT}`,
    )
    .action(run);
}

async function run(flags: ServeFlags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    await serve(flags, signal);
  } finally {
    release();
  }
}

/** Serves until `signal` aborts, then finishes requests in progress. */
export async function serve(
  flags: ServeFlags,
  signal: AbortSignal,
  onReady: (url: string) => void = () => {},
): Promise<void> {
  const options = listenOptions(flags);
  const adminTokens = adminTokensOf(flags);
  checkExploring(flags);
  checkRowStore(flags);
  checkModels(flags);
  for (const { source } of flags.checkpoint ?? []) checkRunExists(source);
  const served = await openServed(flags);
  const listeners = new Listeners(flags.host);
  if (options.tls) served.metrics.watchCertificate(options.tls);
  try {
    const { models } = served;
    const passedOver = models.scorers.flatMap((scorer) => scorer.health().passedOver);
    tellPassedOver(passedOver);
    const url = await listeners.open(scoringServer(flags, options, served), flags.port, "--port");
    const admin = adminTokens && adminServer(flags, options, served, adminTokens);
    const adminUrl = admin && (await listeners.open(admin, flags.adminPort!, "--admin-port"));
    const damage = passedOver.length > 0 && { passed_over: passedOver };
    const started = { listening: url, ...(adminUrl && { admin: adminUrl }), ...modelFacts(models), ...damage };
    process.stdout.write(`${JSON.stringify(started)}\n`);
    onReady(url);
    await stopped(signal, served.threads);
    models.draining = true;
    if (signal.reason !== "SIGINT") await new Promise((resolve) => setTimeout(resolve, flags.drainMs ?? 0));
  } finally {
    await listeners.close();
    await closeServed(served);
  }
}

/** What requests are answered with. */
interface Served {
  readonly models: Models;
  readonly metrics: ServeMetrics;
  readonly threads: ScoringThreads | undefined;
  readonly rowStores: RowStores;
  /** The log of what was scored. */
  readonly impressions: Recorder | undefined;
}

/** @throws as `openLog`, `openModels` */
async function openServed(flags: ServeFlags): Promise<Served> {
  const metrics = new ServeMetrics();
  // Before the models, which may take minutes to load.
  const impressions = await openLog(flags, metrics);
  let threads: ScoringThreads | undefined;
  let rowStores: RowStores | undefined;
  try {
    threads = threadsOf(flags);
    rowStores = await RowStores.of(flags);
    if (rowStores.shared) metrics.watchRowCache(rowStores.shared);
    return { models: await openModels(flags, threads, metrics, rowStores), metrics, threads, rowStores, impressions };
  } catch (error) {
    await closeQuietly(rowStores, threads, impressions);
    throw error;
  }
}

async function closeServed({ models, threads, rowStores, impressions }: Served): Promise<void> {
  await impressions?.close();
  await models.close();
  await rowStores.close();
  await threads?.close();
}

type Server = ReturnType<typeof createServer>;

/** The servers of this process. */
class Listeners {
  private readonly host: string;
  private readonly apps: Server[] = [];

  constructor(host: string) {
    this.host = host;
  }

  /** @param flag named by an error @returns its address */
  async open(app: Server, port: number, flag: string): Promise<string> {
    this.apps.push(app);
    return listening(() => app.listen({ port, host: this.host }), flag);
  }

  async close(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.close()));
  }
}

function scoringServer(flags: ServeFlags, options: ServerOptions, served: Served): Server {
  const { models, metrics, impressions } = served;
  const log = flags.log?.requests ?? false;
  return createServer(models, { ...options, log, metrics, impressions, explorer: flags.explore, warn });
}

function adminServer(
  { precision, dims, explore, log }: ServeFlags,
  { tls }: ServerOptions,
  { models, threads }: Served,
  tokens: readonly string[],
): Server {
  const load = (path: string) => Scorer.load(path, { precision, dims, threads, prior: explore?.prior });
  return createAdminServer(models, { tokens, load, log: log?.requests ?? false, tls });
}

/**
 * The threads that score for all models; undefined: the main thread scores. Threads have only weights, not their uncertainty;
 * rows on disk belong to a single thread.
 */
function threadsOf({ workers, explore, rowStore }: ServeFlags): ScoringThreads | undefined {
  const alone = explore?.prior !== undefined || rowStore !== undefined;
  const count = workers ?? (alone ? 0 : Math.max(1, availableParallelism() - 1));
  return count > 0 ? new ScoringThreads(count) : undefined;
}

/** @throws HashbrookError usage; log_write, kafka_… if the log cannot be written */
async function openLog(
  { log, logShare, precision, dims }: ServeFlags,
  metrics: ServeMetrics,
): Promise<Recorder | undefined> {
  if (log?.to === undefined) {
    if (logShare === undefined) return undefined;
    throw new HashbrookError("usage", "--log-share: requires --log DIRECTORY or --log kafka://HOST:PORT/TOPIC");
  }
  const recorder = await Recorder.open(log.to, { precision, dims }, { share: logShare ?? LOG_SHARE, tell: warn });
  metrics.watchLog(recorder);
  return recorder;
}

function modelFacts(models: Models): object {
  if (models.all.length === 1) return { ...models.model().stable.version };
  return { models: models.all.map((model) => ({ name: model.name, ...model.stable.version })) };
}

/** @throws HashbrookError if nothing can be scored any more: a supervisor may start the server again */
async function stopped(signal: AbortSignal, threads?: ScoringThreads): Promise<void> {
  if (signal.aborted) return;
  const death = await new Promise<HashbrookError | undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    void threads?.lost.then(resolve);
  });
  if (!death) return;
  const { code, message, hint = "start the server again" } = death;
  throw new HashbrookError(code, `nothing can be scored any more: ${message}`, { hint, cause: death });
}

async function openModels(
  flags: ServeFlags,
  threads: ScoringThreads | undefined,
  metrics: ServeMetrics,
  rowStores: RowStores,
): Promise<Models> {
  const { checkpoint = [], follow = [], name } = flags;
  const models = new Models();
  const add = (scorer: Scorer, { name: own, source }: Named) =>
    models.add(new ServedModel(own ?? name ?? "", { scorer, source }));
  try {
    const { precision, watch, dims, explore } = flags;
    const options = { precision, watch, dims, threads, prior: explore?.prior };
    for (const from of checkpoint) {
      const onTrouble = (reason: string) =>
        warn(`${from.source}: ${reason}; looking again, an earlier version is served`);
      add(await Scorer.load(from.source, { ...options, onTrouble, rowStore: await rowStores.open(from.name) }), from);
    }
    for (const from of follow) add(await following(flags, from, { threads, metrics, rowStores }), from);
    return models;
  } catch (error) {
    await models.close();
    throw error;
  }
}

interface Following {
  readonly threads: ScoringThreads | undefined;
  readonly metrics: ServeMetrics;
  readonly rowStores: RowStores;
}

async function following(
  { maxStaleness, precision }: ServeFlags,
  { name, source }: Named,
  { threads, metrics, rowStores }: Following,
): Promise<Scorer> {
  const bound = (maxStaleness ?? MAX_STALENESS) || undefined;
  const onVisible = (ages: readonly number[]) => {
    metrics.visible(ages);
    tellServingMemory();
  };
  const onTrouble = (reason: string) => warn(`${withoutSecrets(source)}: cannot be followed: ${reason}; trying again`);
  const log = openFollow(source);
  const rowStore = await rowStores.open(name);
  if (rowStore?.kept) checkRun(rowStore, (await log.run?.()) ?? null);
  return Scorer.follow(log, { maxStaleness: bound, precision, threads, onVisible, onTrouble, rowStore });
}
