import { setImmediate as immediate } from "node:timers/promises";
import { HashbrookError } from "../../../core/errors.js";
import type { Contribution } from "../../../model/contribution.js";
import type { RemoteKeys } from "../../../tables/shard-share.js";
import type { KafkaRounds } from "../kafka-rounds.js";
import type { LaneRecord } from "../record.js";
import type { PushReader, PushSender } from "./kafka-rows.js";
import type { Holder, OwnerServer } from "./owner-server.js";
import type { OwnersClient, RemoteVectors } from "./owners-client.js";
import { type PushPlace, partsOf, withPushes } from "./push.js";

/** What a lane's record tells of its contribution. */
type Brought = Pick<LaneRecord, "contribution" | "pushes">;

/** What travels between lanes and those who hold shards of tables, as one process of a run takes part in it. */
export interface RowTraffic {
  /** The weights are those of `round`. */
  begin(round: number): Promise<void>;
  /** Asks for rows of a lane's events in a round, which may be to come. @throws RoundOver */
  ask(round: number, keys: RemoteKeys): Promise<RemoteVectors>;
  /** These are the rows of the events that `contribute` is given next. */
  take(rows: RemoteVectors): void;
  /** Sends what goes to owners. @returns what a lane's record tells of it */
  send(contribution: Contribution, place: PushPlace): Promise<Brought>;
  /** The records of the round at hand, with what they bring to shards held here; null: stopped. @throws lanes_diverged */
  whole(records: readonly LaneRecord[], stop: AbortSignal): Promise<readonly LaneRecord[] | null>;
  close(): Promise<void>;
}

/** All rows are with every process. */
export const NO_OWNERS: RowTraffic = {
  begin: async () => {},
  ask: async () => new Map(),
  take: () => {},
  send: async (contribution) => ({ contribution }),
  whole: async (records) => records,
  close: async () => {},
};

/** Of a process that works lanes beside owners. */
export class LaneTraffic implements RowTraffic {
  private readonly client: OwnersClient;
  private readonly sender: PushSender;

  constructor(client: OwnersClient, sender: PushSender) {
    [this.client, this.sender] = [client, sender];
  }

  async begin(): Promise<void> {}

  ask(round: number, keys: RemoteKeys): Promise<RemoteVectors> {
    return this.client.ask(round, keys);
  }

  take(rows: RemoteVectors): void {
    this.client.take(rows);
  }

  async send(contribution: Contribution, place: PushPlace): Promise<Brought> {
    const { rest, pushes } = partsOf(contribution, place);
    if (pushes.length > 0) await this.sender.send(pushes);
    return { contribution: rest, pushes: Object.fromEntries(pushes.map(({ shard, name }) => [shard, name])) };
  }

  async whole(records: readonly LaneRecord[]): Promise<readonly LaneRecord[]> {
    return records;
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.sender.close();
  }
}

/** Of an owner. */
export class OwnerTraffic implements RowTraffic {
  private readonly server: OwnerServer;
  private readonly reader: PushReader;
  private readonly rounds: KafkaRounds;
  private readonly share: { readonly number: number; readonly of: number };
  private readonly holder: Pick<Holder, "digest">;
  /** Of the rows as they were folded: nobody else has them to compare. */
  private folded = "";
  private told = false;

  constructor(
    parts: { server: OwnerServer; reader: PushReader; rounds: KafkaRounds; holder: Pick<Holder, "digest"> },
    share: { readonly number: number; readonly of: number },
  ) {
    [this.server, this.reader, this.rounds, this.holder] = [parts.server, parts.reader, parts.rounds, parts.holder];
    this.share = share;
  }

  async begin(round: number): Promise<void> {
    this.server.begin(round);
    if (!this.told) await this.rounds.tell({ owner: { ...this.share, url: this.server.url } });
    // Who asked early is answered before anything else is done.
    else await immediate();
    this.told = true;
    this.folded = this.holder.digest(round);
  }

  /** It scores nothing. */
  ask = NO_OWNERS.ask;
  take = NO_OWNERS.take;

  async send(contribution: Contribution): Promise<Brought> {
    return { contribution };
  }

  async whole(records: readonly LaneRecord[], stop: AbortSignal): Promise<readonly LaneRecord[] | null> {
    const wanted = records.map((record) => this.wantedOf(record));
    const bytes = await this.reader.all(records[0].round, wanted.flat(), stop);
    if (bytes === null) return null;
    if (this.holder.digest(records[0].round) !== this.folded) throw this.flipped(records[0].round);
    this.server.fold();
    const rest = [...bytes];
    return records.map((record, i) => {
      const mine = rest.splice(0, wanted[i].length);
      return { ...record, contribution: withPushes(record.contribution, mine) };
    });
  }

  private flipped(round: number): HashbrookError {
    const { number, of } = this.share;
    return new HashbrookError(
      "lanes_diverged",
      `round ${round}: rows of owner ${number}/${of} are not what it folded`,
      {
        hint: "its memory has a fault: end all, and begin them again with --resume and another --rounds-topic, since lanes may have been given such rows",
      },
    );
  }

  private wantedOf({ round, lane, pushes = {} }: LaneRecord) {
    const { number, of } = this.share;
    const named = Object.entries<string>(pushes).map(([shard, name]) => ({ round, lane, shard: Number(shard), name }));
    return named.filter(({ shard }) => shard % of === number);
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.reader.close();
  }
}
