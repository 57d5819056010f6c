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

/** The members of a lane's record for its contribution. */
type Brought = Pick<LaneRecord, "contribution" | "pushes">;

/** One process's side of the exchange of rows and gradients between lanes and owners of shards. */
export interface RowTraffic {
  /** The weights are now those of `round`. */
  begin(round: number): Promise<void>;
  /** Requests the rows of a lane's events in a round, which may be a later one. @throws as `OwnersClient.ask` */
  ask(round: number, keys: RemoteKeys): Promise<RemoteVectors>;
  /** Sets the rows of the events for which `contribute` is called next. */
  take(rows: RemoteVectors): void;
  /** Sends the owners' parts of a contribution. @returns the lane's record members for it */
  send(contribution: Contribution, place: PushPlace): Promise<Brought>;
  /**
   * The current round's records, including their pushes to shards held here; null if stopped.
   * @throws HashbrookError lanes_diverged if the rows held here have changed since the last fold
   */
  whole(records: readonly LaneRecord[], stop: AbortSignal): Promise<readonly LaneRecord[] | null>;
  close(): Promise<void>;
}

/** For runs without owners: every process holds all rows. */
export const NO_OWNERS: RowTraffic = {
  begin: async () => {},
  ask: async () => new Map(),
  take: () => {},
  send: async (contribution) => ({ contribution }),
  whole: async (records) => records,
  close: async () => {},
};

/** For a process that works lanes in a run with owners. */
export class LaneTraffic implements RowTraffic {
  private readonly client: OwnersClient;
  private readonly sender: PushSender;

  constructor(client: OwnersClient, sender: PushSender) {
    this.client = client;
    this.sender = sender;
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

/** For an owner. */
export class OwnerTraffic implements RowTraffic {
  private readonly server: OwnerServer;
  private readonly reader: PushReader;
  private readonly rounds: KafkaRounds;
  private readonly share: { readonly number: number; readonly of: number };
  private readonly holder: Pick<Holder, "digest">;
  /** Digest of the rows after the last fold; no other process has these rows to compare with. */
  private folded = "";
  private told = false;

  constructor(
    parts: { server: OwnerServer; reader: PushReader; rounds: KafkaRounds; holder: Pick<Holder, "digest"> },
    share: { readonly number: number; readonly of: number },
  ) {
    this.server = parts.server;
    this.reader = parts.reader;
    this.rounds = parts.rounds;
    this.holder = parts.holder;
    this.share = share;
  }

  async begin(round: number): Promise<void> {
    this.server.begin(round);
    if (!this.told) await this.rounds.tell({ owner: { ...this.share, url: this.server.url } });
    // Waiting requests are answered before the digest is computed.
    else await immediate();
    this.told = true;
    this.folded = this.holder.digest(round);
  }

  /** An owner scores nothing, so it needs no rows. */
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
      `round ${round}: the rows of owner ${number}/${of} differ from those it computed`,
      {
        hint: "its memory may be faulty: stop all processes and restart them with --resume and another --rounds-topic, since lanes may have received such rows",
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
