import kafkajs, { type Assigner, type Cluster, type PartitionAssigner } from "kafkajs";

const NAME = "hashbrook-single";
const VERSION = 1;

/** What a member tells the group's leader of itself. */
interface Standing {
  /** When it became the active member, ms since the epoch; 0 = it is not. */
  readonly activeSince: number;
  /** When it joined first. */
  readonly joined: number;
}

/**
 * Gives all partitions to one member of the group, since one thread owns the tables; the others stand by. The active member
 * keeps them while it lives. Of two that believe to be active the later one is right: the other was given up for dead.
 */
export function singleAssigner(standing: () => Standing, onCluster: (cluster: Cluster) => void): PartitionAssigner {
  return ({ cluster }) => {
    onCluster(cluster);
    return assignerOf(cluster, standing);
  };
}

function assignerOf(cluster: Cluster, standing: () => Standing): Assigner {
  return {
    name: NAME,
    version: VERSION,
    async assign({ members, topics }) {
      const [active] = members
        .map(({ memberId, memberMetadata }) => ({ memberId, ...standingOf(memberMetadata) }))
        .sort((a, b) => b.activeSince - a.activeSince || a.joined - b.joined || (a.memberId < b.memberId ? -1 : 1));
      const all = Object.fromEntries(
        topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map((p) => p.partitionId)]),
      );
      return members.map(({ memberId }) => ({
        memberId,
        memberAssignment: kafkajs.AssignerProtocol.MemberAssignment.encode({
          version: VERSION,
          assignment: memberId === active.memberId ? all : {},
          userData: Buffer.alloc(0),
        }),
      }));
    },
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: kafkajs.AssignerProtocol.MemberMetadata.encode({
        version: VERSION,
        topics,
        userData: Buffer.from(JSON.stringify(standing())),
      }),
    }),
  };
}

function standingOf(metadata: Buffer): Standing {
  try {
    const { activeSince, joined } = JSON.parse(
      kafkajs.AssignerProtocol.MemberMetadata.decode(metadata)!.userData.toString(),
    );
    return { activeSince: Number(activeSince) || 0, joined: Number(joined) || 0 };
  } catch {
    return { activeSince: 0, joined: Number.MAX_SAFE_INTEGER };
  }
}
