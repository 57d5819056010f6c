import kafkajs, { type Assigner, type Cluster, type PartitionAssigner } from "kafkajs";
import { tellsRefusals } from "./membership.js";

const NAME = "hashbrook-single";
const VERSION = 1;

/** The user data that a member sends to the group's leader when it joins. */
interface MemberData {
  /** Since when it is the active member, ms since the epoch; 0: it is not. */
  readonly activeSince: number;
  /** When it first joined, ms since the epoch. */
  readonly joined: number;
}

/**
 * Assigns all partitions to one member of the group, since one thread owns the tables; the other members stand by. The
 * active member keeps them as long as it is in the group. If two members consider themselves active, the one that
 * became active later wins: the other one had been presumed dead.
 */
export function singleAssigner(memberData: () => MemberData, onCluster: (cluster: Cluster) => void): PartitionAssigner {
  return ({ cluster }) => {
    onCluster(cluster);
    return assignerOf(cluster, memberData);
  };
}

/** Assigns all partitions to the only member of a group, one that follows a log. */
export const followingAssigner: PartitionAssigner = (config) => {
  tellsRefusals(config.cluster);
  return kafkajs.PartitionAssigners.roundRobin(config);
};

function assignerOf(cluster: Cluster, memberData: () => MemberData): Assigner {
  return {
    name: NAME,
    version: VERSION,
    async assign({ members, topics }) {
      const [active] = members
        .map(({ memberId, memberMetadata }) => ({ memberId, ...memberDataOf(memberMetadata) }))
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
        userData: Buffer.from(JSON.stringify(memberData())),
      }),
    }),
  };
}

function memberDataOf(metadata: Buffer): MemberData {
  try {
    const { activeSince, joined } = JSON.parse(
      kafkajs.AssignerProtocol.MemberMetadata.decode(metadata)!.userData.toString(),
    );
    return { activeSince: Number(activeSince) || 0, joined: Number(joined) || 0 };
  } catch {
    return { activeSince: 0, joined: Number.MAX_SAFE_INTEGER };
  }
}
