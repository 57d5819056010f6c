import { type ClientHttp2Session, connect, constants } from "node:http2";
import { join } from "node:path";
import type { GivenFiles } from "../../../checkpoints/checkpoint.js";
import { systemClock } from "../../../core/clock.js";
import { HashbrookError } from "../../../core/errors.js";
import type { RemoteKeys, RemoteRows, ShardKeys, ShardShare, TableSizes } from "../../../tables/shard-share.js";
import type { OwnerNotice } from "../kafka-rounds.js";
import { PATHS, packRows, type SaveAsked, type SavedShards, STATUS, unpackVectors, WINDOW } from "./protocol.js";
import { RoundOver } from "./round-over.js";

/** What the rounds topic tells about a run's owners and rounds. */
export interface OwnersKnown {
  /** The address that an owner announced last; undefined: none yet. */
  owner(number: number): OwnerNotice | undefined;
  /** Whether all lanes' records of a round have been read. */
  isOver(round: number): boolean;
  wait(milliseconds: number): Promise<void>;
}

export interface OwnersOptions {
  /** Number of owners. */
  readonly count: number;
  /** Identity of the run, from `runOf`. */
  readonly run: string;
  /** Path of the run's directory. */
  readonly out: string;
  /** Aborted when the process stops working lanes. */
  readonly stop: AbortSignal;
}

const RETRY_MS = 20;
/** Timeout of a request for rows; it is then repeated, at the address announced last. */
const QUIET_MS = 10_000;
/** Timeout of a request to write shard files, which may be large. */
const SAVE_MS = 600_000;
/** Maximum time from the start of a checkpoint for which a stopped run waits for an owner. */
const LAST_MS = 30_000;

/** f32[keys × dim] for each entry of a table's `RemoteKeys`, by table. */
export type RemoteVectors = ReadonlyMap<string, readonly Float32Array[]>;

/** Requests rows of a round from the owners; a request that is not answered is repeated. */
export class OwnersClient implements RemoteRows {
  readonly share: ShardShare = { holds: () => false, rows: this };
  private readonly options: OwnersOptions;
  private known: OwnersKnown | null = null;
  private rows: RemoteVectors = new Map();
  private closed = false;
  private readonly sessions = new Map<string, ClientHttp2Session>();
  /** Sizes last reported, by table and owner. */
  private readonly told = new Map<string, Map<number, TableSizes>>();

  constructor(options: OwnersOptions) {
    this.options = options;
  }

  /** Sets the source of addresses and rounds, which every request needs. */
  attach(known: OwnersKnown): void {
    this.known = known;
  }

  /**
   * Requests vectors from all owners in parallel; an owner that has not reached `round` answers when it has.
   * @throws RoundOver if the round is over or the process stops; HashbrookError internal if an owner rejects it
   */
  async ask(round: number, keys: RemoteKeys): Promise<RemoteVectors> {
    const answered = new Map<ShardKeys, Float32Array>();
    await this.byOwner(async (owner) => {
      const mine = new Map([...keys].map(([table, parts]) => [table, this.of(owner, parts)]));
      if ([...mine.values()].every((parts) => parts.length === 0)) return;
      const answer = unpackVectors(await this.request(owner, this.rowsAsked(round, mine)));
      for (const [table, { sizes, vectors }] of answer) {
        this.note(table, owner, sizes);
        for (const [i, part] of mine.get(table)!.entries()) answered.set(part, vectors[i]);
      }
    });
    return new Map([...keys].map(([table, parts]) => [table, parts.map((part) => answered.get(part)!)]));
  }

  private of(owner: number, parts: readonly ShardKeys[]): ShardKeys[] {
    return parts.filter(({ shard }) => shard % this.options.count === owner);
  }

  /** Calls `ask` for all owners in parallel. @returns the results, by owner */
  private byOwner<T>(ask: (owner: number) => Promise<T>): Promise<T[]> {
    return Promise.all(Array.from({ length: this.options.count }, (_, owner) => ask(owner)));
  }

  private rowsAsked(round: number, keys: RemoteKeys): Request {
    const isOver = () => this.closed || this.options.stop.aborted || this.known!.isOver(round);
    const body = packRows({ run: this.options.run, round, keys });
    return { path: PATHS.rows, body, quietMs: QUIET_MS, isOver };
  }

  /** Sets the rows of the events whose contribution is computed next. */
  take(rows: RemoteVectors): void {
    this.rows = rows;
  }

  vectors(table: string): readonly Float32Array[] {
    return this.rows.get(table)!;
  }

  sizes(table: string): TableSizes {
    const told = [...(this.told.get(table)?.values() ?? [])];
    const sum = (of: (sizes: TableSizes) => number) => told.reduce((total, sizes) => total + of(sizes), 0);
    return {
      rows: sum(({ rows }) => rows),
      capacity: sum(({ capacity }) => capacity),
      bytes: sum(({ bytes }) => bytes),
    };
  }

  private note(table: string, owner: number, sizes: TableSizes): void {
    const told = this.told.get(table) ?? new Map<number, TableSizes>();
    this.told.set(table, told.set(owner, sizes));
  }

  /**
   * Has the owners write the files of all shards, with the weights of `round`.
   * @returns the files; null if the round is over
   * @throws HashbrookError lanes_cut_off if the run is stopped and an owner has not answered within 30 s; internal if
   *   an owner rejects the request
   */
  async save(round: number): Promise<GivenFiles | null> {
    const { out, run, stop } = this.options;
    const directory = `shards-${round}-${process.pid}`;
    const asked: SaveAsked = { run, round, directory };
    const body = new TextEncoder().encode(JSON.stringify(asked));
    const last = systemClock.now() + LAST_MS;
    const isOver = () => {
      if (stop.aborted && systemClock.now() > last) throw ownerAway();
      return this.known!.isOver(round);
    };
    const request = { path: PATHS.save, body, quietMs: SAVE_MS, isOver };
    try {
      const answers = await this.byOwner((owner) => this.request(owner, request));
      const saved = answers.map((answer) => JSON.parse(new TextDecoder().decode(answer)) as SavedShards);
      for (const [owner, { sizes }] of saved.entries())
        for (const [table, told] of Object.entries(sizes)) this.note(table, owner, told);
      return { directory: join(out, directory), entries: saved.flatMap(({ files }) => files) };
    } catch (error) {
      if (error instanceof RoundOver) return null;
      throw error;
    }
  }

  /** Repeats a request until it is answered. @throws as `ask` */
  private async request(number: number, request: Request): Promise<Uint8Array> {
    for (;;) {
      const notice = this.known!.owner(number);
      const answer = notice?.of === this.options.count ? await this.once(notice.url, request) : null;
      if (answer?.status === STATUS.ok) return answer.body;
      if (answer?.status === STATUS.over) throw new RoundOver();
      if (answer?.status === STATUS.bad)
        throw new HashbrookError("internal", `owner ${number}: ${new TextDecoder().decode(answer.body)}`);
      if (request.isOver()) throw new RoundOver();
      await this.known!.wait(RETRY_MS);
    }
  }

  /** Sends a request once. @returns null if there is no response */
  private async once(url: string, request: Request): Promise<Reply | null> {
    const session = this.sessions.get(url) ?? this.connect(url);
    try {
      return await post(session, request);
    } catch {
      this.sessions.delete(url);
      session.destroy();
      return null;
    }
  }

  private connect(url: string): ClientHttp2Session {
    const session = connect(url, { settings: { initialWindowSize: WINDOW } });
    session.on("connect", () => session.setLocalWindowSize(WINDOW));
    session.on("error", () => {}); // reported by each of its requests
    this.sessions.set(url, session);
    return session;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const session of this.sessions.values()) session.destroy();
  }
}

interface Request {
  readonly path: string;
  readonly body: Uint8Array;
  readonly quietMs: number;
  /** Whether the response is no longer needed; asked after each failed attempt. */
  readonly isOver: () => boolean;
}

interface Reply {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Sends a request. @throws Error if there is no response, or less than all of it */
function post(session: ClientHttp2Session, { path, body, quietMs }: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path });
    const chunks: Buffer[] = [];
    let status = 0;
    stream.setTimeout(quietMs, () => stream.destroy(new Error("no answer")));
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      // A connection that breaks within a body cancels the stream, which is no error to Node.
      if (status === 0 || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return reject(new Error("closed"));
      resolve({ status, body: Buffer.concat(chunks) });
    });
    stream.end(body);
  });
}

function ownerAway(): HashbrookError {
  return new HashbrookError("lanes_cut_off", "an owner of shards does not answer, so no final checkpoint was written", {
    hint: "restart all processes of the run with --resume: they continue from the previous checkpoint",
  });
}
