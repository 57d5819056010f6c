import { removeShardFiles, writeShardFiles } from "../../../checkpoints/shard-files.js";
import { systemClock } from "../../../core/clock.js";
import { HashbrookError } from "../../../core/errors.js";
import type { Model } from "../../../model/model.js";
import type { ShardShare } from "../../../tables/shard-share.js";
import type { Table } from "../../../tables/table.js";
import type { Job } from "../../job.js";
import type { ShardsElsewhere } from "../../trainer-options.js";
import { digestOf } from "../digest.js";
import { Replica, Writer } from "../learner.js";
import { eventLog, kafkaRounds, type Opened, opened, roundsTopicOf } from "../opening.js";
import type { LanesOptions } from "../options.js";
import type { LanesPosition } from "../position.js";
import { PushReader, PushSender, rowsTopic } from "./kafka-rows.js";
import { type Holder, OwnerServer } from "./owner-server.js";
import { OwnersClient } from "./owners-client.js";
import { runOf } from "./protocol.js";
import { isShardBlock, mostShards } from "./split-tables.js";
import { LaneTraffic, OwnerTraffic } from "./traffic.js";

/** Maximum bytes hashed of each block for an owner's digest, which is computed twice per round. */
const WINDOW = 4 << 20;

/** Opens the parts of a process that works lanes in a run with owners, which hold all rows of split tables. */
export async function openLane(job: Job, options: LanesOptions, stop: AbortSignal): Promise<Opened> {
  const { share, owners } = options;
  const topic = roundsTopicOf(job, options.roundsTopic);
  const client = new OwnersClient({ count: owners!.count, run: runOf(job.spec, topic), out: job.out!, stop });
  const writes = share!.number === 0;
  const learner = writes
    ? await Writer.open(job, systemClock, stop, elsewhere(job, client))
    : await Replica.open(job, { share: client.share });
  return opened(learner, async () => {
    const log = await eventLog(job, share);
    const rounds = await kafkaRounds(job, topic);
    client.attach(rounds);
    const sender = await PushSender.open(job.topic!, rowsTopic(topic), mostShards(job.spec));
    return { log, rounds, traffic: new LaneTraffic(client, sender) };
  });
}

function elsewhere({ out }: Job, client: OwnersClient): ShardsElsewhere {
  return {
    share: client.share,
    save: async (position) => {
      removeShardFiles(out!);
      return client.save((position as LanesPosition).round);
    },
  };
}

/** Opens the parts of an owner: a process that holds shards and works no lane. */
export async function openOwner(job: Job, options: LanesOptions): Promise<Opened> {
  const { number, count, host } = options.owners!;
  const share = { number: number!, of: count };
  const topic = roundsTopicOf(job, options.roundsTopic);
  const held: ShardShare = { holds: (shard) => shard % count === number, rows: null };
  const learner = await Replica.open(job, { share: held, folds: true });
  return opened(learner, async () => {
    const log = await eventLog(job, null);
    const rounds = await kafkaRounds(job, topic);
    const reader = await PushReader.open(job.topic!, rowsTopic(topic), mostShards(job.spec), held.holds);
    const holder = holderOf(job, learner.model);
    const server = await OwnerServer.open(host, runOf(job.spec, topic), holder);
    return { log, rounds, traffic: new OwnerTraffic({ server, reader, rounds, holder }, share) };
  });
}

function holderOf({ spec, out }: Job, model: Model): Holder {
  const isHeld = isShardBlock(spec);
  const tables = new Map(model.tables.map((table) => [table.name, table]));
  const tableOf = (name: string): Table => {
    const table = tables.get(name);
    if (!table) throw new HashbrookError("internal", `unknown table ${name}`);
    return table;
  };
  return {
    vectorsOf: (table, shard, keys) => tableOf(table).shardVectors!(shard, keys),
    sizesOf: (table) => tableOf(table).stats(),
    digest: (round) => digestOf(model, round, (block) => !isHeld(block), WINDOW),
    save: (directory) => {
      const held = model.blocks().filter(({ name }) => isHeld(name));
      const split = model.tables.filter(({ spec }) => (spec.shards ?? 1) > 1);
      const sizes = Object.fromEntries(split.map((table) => [table.name, table.stats()]));
      return { files: writeShardFiles(out!, directory, held), sizes };
    },
  };
}
