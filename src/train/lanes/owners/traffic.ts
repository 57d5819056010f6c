import type { Contribution } from "../../../model/contribution.js";
import type { KafkaRounds } from "../kafka-rounds.js";
import type { LaneRecord } from "../record.js";
import type { PushReader, PushSender } from "./kafka-rows.js";
import type { OwnerServer } from "./owner-server.js";
import type { OwnersClient } from "./owners-client.js";
import { type PushPlace, partsOf, withPushes } from "./push.js";

/** What a lane's record tells of its contribution. */
type Brought = Pick<LaneRecord, "contribution" | "pushes">;

/** What travels between lanes and those who hold shards of tables, as one process of a run takes part in it. */
export interface RowTraffic {
  /** The weights are those of `round`. */
  begin(round: number): Promise<void>;
  /** Sends what goes to owners. @returns what a lane's record tells of it */
  send(contribution: Contribution, place: PushPlace): Promise<Brought>;
  /** The records of the round at hand, with what they bring to shards held here; null: stopped. */
  whole(records: readonly LaneRecord[], stop: AbortSignal): Promise<readonly LaneRecord[] | null>;
  close(): Promise<void>;
}

/** All rows are with every process. */
export const NO_OWNERS: RowTraffic = {
  begin: async () => {},
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

  async begin(round: number): Promise<void> {
    this.client.begin(round);
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
  private told = false;

  constructor(
    { server, reader, rounds }: { server: OwnerServer; reader: PushReader; rounds: KafkaRounds },
    share: { readonly number: number; readonly of: number },
  ) {
    [this.server, this.reader, this.rounds, this.share] = [server, reader, rounds, share];
  }

  async begin(round: number): Promise<void> {
    this.server.begin(round);
    if (this.told) return;
    this.told = true;
    await this.rounds.tell({ owner: { ...this.share, url: this.server.url } });
  }

  async send(contribution: Contribution): Promise<Brought> {
    return { contribution };
  }

  async whole(records: readonly LaneRecord[], stop: AbortSignal): Promise<readonly LaneRecord[] | null> {
    const wanted = records.map((record) => this.wantedOf(record));
    const bytes = await this.reader.all(records[0].round, wanted.flat(), stop);
    if (bytes === null) return null;
    this.server.fold();
    const rest = [...bytes];
    return records.map((record, i) => {
      const mine = rest.splice(0, wanted[i].length);
      return { ...record, contribution: withPushes(record.contribution, mine) };
    });
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
