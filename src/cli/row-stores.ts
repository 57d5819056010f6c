import { join } from "node:path";
import { RowCache } from "../row-store/row-cache.js";
import { RowDirectory } from "../row-store/row-directory.js";
import type { ServeFlags } from "./serve-options.js";
import { warn } from "./warn.js";

type Flags = Pick<ServeFlags, "rowStore" | "rowCache" | "cacheBytes">;

/** The databases of `--row-store`, one subdirectory per named model. */
export class RowStores {
  private readonly path: string | undefined;
  private readonly cacheBytes: number | undefined;
  private readonly opened: RowDirectory[] = [];
  /** The row cache shared with other servers; null: none. */
  readonly shared: RowCache | null;

  private constructor({ rowStore, cacheBytes }: Flags, shared: RowCache | null) {
    this.path = rowStore;
    this.cacheBytes = cacheBytes;
    this.shared = shared;
  }

  /** @throws as `RowCache.open` */
  static async of(flags: Flags): Promise<RowStores> {
    const { rowCache } = flags;
    return new RowStores(flags, rowCache === undefined ? null : await RowCache.open(rowCache, undefined, warn));
  }

  /** Opens a model's database; undefined without `--row-store`: rows stay in memory. @throws as `RowDirectory.open` */
  async open(name: string | undefined): Promise<RowDirectory | undefined> {
    if (this.path === undefined) return undefined;
    const { cacheBytes, shared } = this;
    const options = { cacheBytes, ...(shared && { shared }), tell: warn };
    const directory = await RowDirectory.open(join(this.path, name ?? ""), options);
    this.opened.push(directory);
    return directory;
  }

  async close(): Promise<void> {
    for (const directory of this.opened) await directory.close();
    this.shared?.close();
  }
}
