import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { HashbrookError } from "../../../core/errors.js";
import type { TableSizes } from "../../../tables/shard-share.js";
import {
  type Asked,
  MOST_REQUEST,
  PATHS,
  packVectors,
  type SaveAsked,
  type SavedShards,
  STATUS,
  unpackRows,
  WINDOW,
} from "./protocol.js";

/** The shards held by this process. Its functions are synchronous, so that weights cannot change during a call. */
export interface Holder {
  /** f32[keys × dim]: the vectors of keys of one shard. */
  vectorsOf(table: string, shard: number, keys: BigUint64Array): Float32Array;
  /** Total sizes of a table's shards held here. */
  sizesOf(table: string): TableSizes;
  /** A hash of the shards, 16 hex digits; of large blocks it covers another window each round. */
  digest(round: number): string;
  /** Writes the shards' data files, durably. @param directory name within the run's directory */
  save(directory: string): SavedShards;
}

/**
 * Answers lanes' requests over HTTP/2, each with the weights of the round that it names. A request for a later round
 * waits until that round begins; one for an earlier round is told that it is over.
 */
export class OwnerServer {
  private readonly server: Http2Server;
  private readonly run: string;
  private readonly holder: Holder;
  private readonly host: string;
  private round = -1;
  /** False while the round is being folded. */
  private open = false;
  private waiting: (() => void)[] = [];

  private constructor(server: Http2Server, host: string, run: string, holder: Holder) {
    this.server = server;
    this.host = host;
    this.run = run;
    this.holder = holder;
    server.on("stream", (stream, headers) => this.take(stream, headers));
  }

  /** Listens on a free port of `host`. @throws HashbrookError usage if it cannot listen there */
  static async open(host: string, run: string, holder: Holder): Promise<OwnerServer> {
    const server = createServer({ settings: { initialWindowSize: WINDOW } });
    server.on("session", (session) => session.setLocalWindowSize(WINDOW));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(new HashbrookError("usage", `--owner-host ${host}: ${cause.message}`, { cause })),
      );
      server.listen(0, host, resolve);
    });
    return new OwnerServer(server, host, run, holder);
  }

  get url(): string {
    const host = this.host.includes(":") ? `[${this.host}]` : this.host;
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  /** The weights are now those of `round`: requests that wait for it are answered. */
  begin(round: number): void {
    this.round = round;
    this.open = true;
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** The current round is being folded: requests for it are told that it is over. */
  fold(): void {
    this.open = false;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const wake of this.waiting.splice(0)) wake();
  }

  private async take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on("error", () => {}); // the client has disconnected, so there is nobody to report to
    const reply = (status: number, body: string | Uint8Array) => {
      if (stream.destroyed || stream.closed) return;
      stream.respond({ ":status": status });
      stream.end(body);
    };
    try {
      const body = await bodyOf(stream);
      const answer = answers[headers[":path"] as keyof typeof answers];
      if (!answer) return reply(STATUS.bad, "no such path");
      const [asked, made] = answer(body);
      if (asked.run !== this.run) return reply(STATUS.others, "this owner belongs to another run");
      // Nothing is awaited between this check and the response, so the round cannot end in between.
      while (!this.isAt(asked)) {
        if (asked.round <= this.round) return reply(STATUS.over, "the round is over");
        if (!this.server.listening) return reply(STATUS.ending, "this owner is ending");
        await new Promise<void>((resolve) => this.waiting.push(resolve));
      }
      reply(STATUS.ok, made(this.holder));
    } catch (error) {
      reply(STATUS.bad, error instanceof Error ? error.message : String(error));
    }
  }

  private isAt({ round }: Asked): boolean {
    return this.open && round === this.round;
  }
}

/** Parses a request. @returns it, and the function that makes the response once the round's weights are there */
type Answer = (body: Uint8Array) => readonly [Asked, (holder: Holder) => Uint8Array | string];

const answers: Readonly<Record<(typeof PATHS)[keyof typeof PATHS], Answer>> = {
  [PATHS.rows]: (body) => {
    const asked = unpackRows(body);
    const rowsOf = (holder: Holder) =>
      [...asked.keys].map(([table, parts]) => {
        const vectors = parts.map(({ shard, keys }) => holder.vectorsOf(table, shard, keys));
        return [table, { sizes: holder.sizesOf(table), vectors }] as const;
      });
    return [asked, (holder) => packVectors(new Map(rowsOf(holder)))];
  },
  [PATHS.save]: (body) => {
    const asked = JSON.parse(new TextDecoder().decode(body)) as SaveAsked;
    return [asked, (holder) => JSON.stringify(holder.save(asked.directory))];
  },
};

async function bodyOf(stream: ServerHttp2Stream): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_REQUEST) throw new RangeError(`the request is larger than ${MOST_REQUEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
