import type { Cluster } from "kafkajs";

/**
 * The member id of a process in its group. It is stored beyond the end of the process: its successor joins under the
 * same id, and so replaces it.
 */
export interface Membership {
  /** null: none yet. */
  readonly id: string | null;
  /** Called with every id that the group assigns, before the join request with it is sent. */
  named(id: string): void;
}

interface JoinRequest {
  readonly memberId?: string;
}

interface Pool {
  send(request: unknown): Promise<unknown>;
}

/** The part of kafkajs's interface that is used. */
interface Coordinator {
  readonly connectionPool: Pool;
  joinGroup(request: JoinRequest): Promise<{ memberId: string }>;
}

/** Also not declared by kafkajs. */
interface BrokerPool {
  withBroker(ask: (at: { broker: Finder }) => Promise<unknown>): Promise<unknown>;
}

interface Finder {
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<unknown>;
}

/** The type of a group's coordinator, as opposed to a transaction's. */
const GROUP = 0;

/**
 * Makes `cluster` join groups under the id of `membership`. The brokers see the same member rejoining, so they wait
 * neither for the dead process nor for further members, as they do for the first member of an empty group
 * (group.initial.rebalance.delay.ms). An id that the group no longer knows is replaced by a new one.
 */
export function joinsAs(cluster: Cluster, membership: Membership): void {
  tellsRefusals(cluster);
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

/**
 * Makes `cluster` say why it finds no coordinator of a group: kafkajs asks every broker, and drops what they answer (that
 * there is no right to the group).
 */
export function tellsRefusals(cluster: Cluster): void {
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = (group) =>
    find(group).catch(async (error) => {
      throw error.name === "KafkaJSGroupCoordinatorNotFound"
        ? ((await refusal(cluster, group.groupId)) ?? error)
        : error;
    });
}

async function refusal(cluster: Cluster, groupId: string): Promise<unknown> {
  let reason: unknown;
  const { brokerPool } = cluster as unknown as { brokerPool: BrokerPool };
  const ask = ({ broker }: { broker: Finder }) => broker.findGroupCoordinator({ groupId, coordinatorType: GROUP });
  await brokerPool.withBroker((at) =>
    ask(at).catch((cause) => {
      reason = cause;
    }),
  );
  return reason;
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

/**
 * Wraps the coordinator to observe its responses: kafkajs does not expose the member id in the response to the first
 * join request.
 */
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
