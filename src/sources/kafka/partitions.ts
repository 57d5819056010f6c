import { defaultPartitioner, type PartitionerArgs } from "./client.js";

type Message = PartitionerArgs["message"];

/**
 * Chooses records' partitions before they are sent, so that a request can be limited to one: of a request that is refused
 * because of one partition, others may have taken their part.
 */
export class Partitions {
  private readonly topic: string;
  private readonly choose = defaultPartitioner();
  private metadata: PartitionerArgs["partitionMetadata"];
  private current: number | null = null;

  /** @param count number of the topic's partitions */
  constructor(topic: string, count: number) {
    this.topic = topic;
    const about = { partitionErrorCode: 0, leader: 0, replicas: [], isr: [] };
    this.metadata = Array.from({ length: count }, (_, partitionId) => ({ ...about, partitionId }));
  }

  /** For the client, which then sends everything to the partition given to `use`. */
  readonly partitioner = () => (asked: PartitionerArgs) => {
    this.metadata = asked.partitionMetadata;
    const { current } = this;
    return current !== null && current < this.metadata.length ? current : this.choose(asked);
  };

  use(partition: number): void {
    this.current = partition;
  }

  /** Records by partition, in their order. */
  divided<R>(records: readonly R[], messageOf: (record: R) => Message): Map<number, R[]> {
    const { topic, metadata: partitionMetadata } = this;
    const found = new Map<number, R[]>();
    for (const record of records) {
      const partition = this.choose({ topic, partitionMetadata, message: messageOf(record) });
      const others = found.get(partition);
      if (others) others.push(record);
      else found.set(partition, [record]);
    }
    return found;
  }
}
