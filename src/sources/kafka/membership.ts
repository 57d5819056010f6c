import type { Cluster } from "kafkajs";

/** The name a process has in its group. It outlives the process: who is known to follow it joins by it, and so takes its place. */
export interface Membership {
  /** null: none yet. */
  readonly id: string | null;
  /** Called with every name that the group gives, before the join by it is under way. */
  named(id: string): void;
}

interface JoinRequest {
  readonly memberId?: string;
}

interface Pool {
  send(request: unknown): Promise<unknown>;
}

/** kafkajs's own, as far as it is used. */
interface Coordinator {
  readonly connectionPool: Pool;
  joinGroup(request: JoinRequest): Promise<{ memberId: string }>;
}

/**
 * From here on `cluster` joins groups by the name of `membership`. To the brokers that is one member joining again, so nothing
 * is waited for: not the dead process, and not others, as for the first member of a group that was empty
 * (group.initial.rebalance.delay.ms). A name that the group no longer knows is given up for a new one.
 */
export function joinsAs(cluster: Cluster, membership: Membership): void {
  const find = cluster.findGroupCoordinator.bind(cluster);
  const ours = new WeakSet<Coordinator>();
  cluster.findGroupCoordinator = async (group) => {
    const broker = await find(group);
    const coordinator = broker as unknown as Coordinator;
    if (!ours.has(coordinator)) coordinator.joinGroup = joining(coordinator, membership);
    ours.add(coordinator);
    return broker;
  };
}

function joining(coordinator: Coordinator, membership: Membership): Coordinator["joinGroup"] {
  const { joinGroup } = coordinator;
  const join = async (request: JoinRequest) => {
    const joined = await joinGroup.call(hearing(coordinator, membership), request);
    if (joined.memberId !== membership.id) membership.named(joined.memberId);
    return joined;
  };
  return async (request) => {
    const memberId = request.memberId || membership.id || "";
    try {
      return await join({ ...request, memberId });
    } catch (error) {
      if (memberId === "" || (error as { type?: string }).type !== "UNKNOWN_MEMBER_ID") throw error;
      return join({ ...request, memberId: "" });
    }
  };
}

/** The coordinator, whose answers are listened to: kafkajs tells nobody the name that a first request is given to join by. */
function hearing(coordinator: Coordinator, membership: Membership): Coordinator {
  const pool = coordinator.connectionPool;
  const send = async (request: unknown) => {
    try {
      return await pool.send(request);
    } catch (error) {
      const { name, memberId } = error as { name?: string; memberId?: string };
      if (name === "KafkaJSMemberIdRequired" && memberId) membership.named(memberId);
      throw error;
    }
  };
  const heard = Object.create(pool, { send: { value: send } });
  return Object.create(coordinator, { connectionPool: { value: heard } });
}
