import type { LaneEvents, LaneReader } from "./lane-reader.js";
import type { Opened } from "./opening.js";
import type { RemoteVectors } from "./owners/owners-client.js";
import { RoundOver } from "./owners/round-over.js";
import { type LanesPosition, laneOf } from "./position.js";
import { recordOf } from "./record.js";

/** What is brought to a round. */
interface RoundAtHand {
  readonly at: LanesPosition;
  /** Events of each lane. */
  readonly rows: number;
  /** Of the weights. */
  readonly digest: string;
}

interface Ready {
  readonly lane: number;
  readonly events: LaneEvents;
  readonly rows: Promise<RemoteVectors>;
}

/**
 * What a process brings to rounds: reads lanes' events, has their rows from owners, and tells what they come to. What can be done at once is:
 * all lanes' rows are asked for before any lane is worked, those of the next round while this one is told, and nothing is waited for that
 * the brokers only acknowledge.
 */
export class LaneWork {
  private readonly parts: Pick<Opened, "learner" | "rounds" | "traffic">;
  private readonly readers: readonly LaneReader[];
  private round: RoundAtHand | null = null;
  /** Lanes that are told of the round, by who works here. */
  private readonly told = new Set<number>();
  /** By lane: rows of its next round, which were asked for ahead. */
  private readonly asked: (Promise<RemoteVectors> | null)[];
  private sending: Promise<void>[] = [];
  private failure: { readonly error: unknown } | null = null;

  constructor(parts: Pick<Opened, "learner" | "rounds" | "traffic">, readers: readonly LaneReader[]) {
    this.parts = parts;
    this.readers = readers;
    this.asked = readers.map(() => null);
  }

  begin(round: RoundAtHand): void {
    this.round = round;
    this.told.clear();
    for (const [lane, reader] of this.readers.entries()) {
      const place = laneOf(round.at, lane);
      reader.expect(round.rows);
      if (reader.isAt(place)) continue;
      reader.goTo(place);
      this.asked[lane] = null;
    }
  }

  /** Events are there that the round could have. */
  get atHand(): boolean {
    return this.readers.some(({ atHand }) => atHand);
  }

  /** Works those of these lanes that have a round of events. @returns whether there were any @throws what sending before failed by */
  async work(lanes: readonly number[], due: boolean): Promise<boolean> {
    if (this.failure) throw this.failure.error;
    const ready: Ready[] = [];
    for (const lane of lanes.filter((lane) => !this.told.has(lane))) {
      const events = await this.readers[lane].poll(due);
      if (events === null) continue;
      ready.push({ lane, events, rows: this.asked[lane] ?? this.ask(this.round!.at.round, events) });
      this.asked[lane] = null;
      this.told.add(lane);
    }
    for (const lane of ready) await this.bring(lane);
    return ready.length > 0;
  }

  /** Reads what lanes that are told bring to the next round, and asks for its rows. @param rows events of each; null: not known yet */
  async lookAhead(rows: number | null): Promise<void> {
    if (rows === null) return;
    for (const lane of this.told) {
      if (this.asked[lane]) continue;
      const events = await this.readers[lane].lookAhead(rows);
      if (events) this.asked[lane] = this.ask(this.round!.at.round + 1, events);
    }
  }

  /** Until the brokers have all that was sent. */
  async sent(): Promise<void> {
    await Promise.all(this.sending.splice(0));
    if (this.failure) throw this.failure.error;
  }

  private ask(round: number, { batch }: LaneEvents): Promise<RemoteVectors> {
    const { learner, traffic } = this.parts;
    const rows = traffic.ask(round, learner.model.lanes!.remoteKeys(batch));
    rows.catch(() => {}); // told to who waits for them, if anybody does
    return rows;
  }

  private async bring({ lane, events, rows }: Ready): Promise<void> {
    const { learner, rounds, traffic } = this.parts;
    const { at, digest } = this.round!;
    const place = { round: at.round, lane };
    try {
      traffic.take(await rows);
    } catch (error) {
      // Others have told of all lanes by now, or nothing is to be learned any more.
      if (error instanceof RoundOver) return;
      throw error;
    }
    const contribution = await learner.model.lanes!.contribute(events.batch, lane);
    const tell = async () => {
      const brought = await traffic.send(contribution, place);
      await rounds.send(recordOf({ ...place, digest }, events, brought));
    };
    this.sending.push(
      tell().catch((error) => {
        this.failure ??= { error };
      }),
    );
  }
}
