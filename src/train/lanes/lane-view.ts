import type { Chunk, PartitionedLog } from "../../sources/partitioned-log.js";

/** The partitions of a log that belong to one lane: p ≡ lane (mod lanes), renumbered from 0. */
export class LaneView implements PartitionedLog {
  readonly topic: string;
  readonly partitions: number;
  private readonly log: PartitionedLog;
  private readonly lane: number;
  private readonly lanes: number;

  /** @param partitions how many of the log's are the lane's; later ones were added during the run */
  constructor(log: PartitionedLog, lane: number, lanes: number, partitions: number) {
    this.log = log;
    this.lane = lane;
    this.lanes = lanes;
    this.topic = log.topic;
    this.partitions = partitions;
  }

  /** Selects the lane's entries of an array that has one per partition of the log. */
  of<T>(all: readonly T[]): T[] {
    return all.filter((_, p) => p % this.lanes === this.lane);
  }

  head(partition: number): Chunk | undefined {
    return this.log.head(this.place(partition));
  }

  shift(partition: number): void {
    this.log.shift(this.place(partition));
  }

  rewind(partition: number, offset: bigint): void {
    this.log.rewind(this.place(partition), offset);
  }

  idle(partition: number, next: bigint): boolean {
    return this.log.idle(this.place(partition), next);
  }

  heardMs(partition: number): number {
    return this.log.heardMs(this.place(partition));
  }

  get losses(): number {
    return this.log.losses;
  }

  end(partition: number): bigint {
    return this.log.end(this.place(partition));
  }

  get failed(): boolean {
    return this.log.failed;
  }

  wait(milliseconds: number): Promise<void> {
    return this.log.wait(milliseconds);
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  get state(): PartitionedLog["state"] {
    return this.log.state;
  }

  async close(): Promise<void> {}

  /** The log's number of a partition of the lane. */
  place(partition: number): number {
    return partition * this.lanes + this.lane;
  }
}
