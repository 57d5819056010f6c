import type { LaneEvents, LaneReader } from "./lane-reader.js";
import type { Opened } from "./opening.js";
import type { RemoteVectors } from "./owners/owners-client.js";
import { RoundOver } from "./owners/round-over.js";
import { type LanesPosition, laneOf } from "./position.js";
import { recordOf } from "./record.js";

/** The current round. */
interface RoundAtHand {
  readonly at: LanesPosition;
  /** Maximum number of events per lane. */
  readonly rows: number;
  /** Digest of the weights, as `digestOf`. */
  readonly digest: string;
}

interface Ready {
  readonly lane: number;
  readonly events: LaneEvents;
  readonly rows: Promise<RemoteVectors>;
}

/**
 * Contributes to rounds: reads the events of lanes, requests their rows from owners, computes contributions and sends
 * them. Waiting overlaps with computing: the rows of all lanes are requested before the first contribution is computed,
 * and those of the next round while this one is being sent; acknowledgements are awaited at the end of a round.
 */
export class LaneWork {
  private readonly parts: Pick<Opened, "learner" | "rounds" | "traffic">;
  private readonly readers: readonly LaneReader[];
  private readonly by: number;
  private round: RoundAtHand | null = null;
  /** Lanes whose events of this round were taken by this process. */
  private readonly told = new Set<number>();
  /** By lane: rows of its next round, if they were requested ahead; else null. */
  private readonly asked: (Promise<RemoteVectors> | null)[];
  private sending: Promise<void>[] = [];
  private failure: { readonly error: unknown } | null = null;

  /** @param by number of this process, for its records */
  constructor(parts: Pick<Opened, "learner" | "rounds" | "traffic">, readers: readonly LaneReader[], by: number) {
    this.parts = parts;
    this.readers = readers;
    this.by = by;
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

  /** Whether events for the round have arrived. */
  get atHand(): boolean {
    return this.readers.some(({ atHand }) => atHand);
  }

  /**
   * Contributes for those of `lanes` whose events are complete, or `due`.
   * @returns whether there were any
   * @throws HashbrookError as `LaneReader.poll`; the error of an earlier send
   */
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

  /**
   * For lanes that have contributed, reads the events of the next round and requests their rows.
   * @param rows maximum number of events per lane; null: not known yet
   */
  async lookAhead(rows: number | null): Promise<void> {
    if (rows === null) return;
    for (const lane of this.told) {
      if (this.asked[lane]) continue;
      const events = await this.readers[lane].lookAhead(rows);
      if (events) this.asked[lane] = this.ask(this.round!.at.round + 1, events);
    }
  }

  /** Waits until the brokers have stored everything sent. @throws the error of a failed send */
  async sent(): Promise<void> {
    await Promise.all(this.sending.splice(0));
    if (this.failure) throw this.failure.error;
  }

  private ask(round: number, { batch }: LaneEvents): Promise<RemoteVectors> {
    const { learner, traffic } = this.parts;
    const rows = traffic.ask(round, learner.model.lanes!.remoteKeys(batch));
    rows.catch(() => {}); // if nobody awaits them, a failure must not be an unhandled rejection
    return rows;
  }

  private async bring({ lane, events, rows }: Ready): Promise<void> {
    const { learner, rounds, traffic } = this.parts;
    const { at, digest } = this.round!;
    const place = { round: at.round, lane, by: this.by };
    try {
      traffic.take(await rows);
    } catch (error) {
      // By now others have contributed for all lanes, or the run is stopping.
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
