import { join } from "node:path";
import { RowDirectory } from "../row-store/row-directory.js";
import type { ServeFlags } from "./serve-options.js";

/** The directories of `--row-store`: a folder a name, where models are named. */
export class RowStores {
  private readonly path: string | undefined;
  private readonly cacheBytes: number | undefined;
  private readonly opened: RowDirectory[] = [];

  constructor({ rowStore, cacheBytes }: Pick<ServeFlags, "rowStore" | "cacheBytes">) {
    this.path = rowStore;
    this.cacheBytes = cacheBytes;
  }

  /** undefined: rows are to be in memory. @throws as `RowDirectory.open` */
  async open(name: string | undefined): Promise<RowDirectory | undefined> {
    if (this.path === undefined) return undefined;
    const tell = (text: string) => void process.stderr.write(`hashbrook: ${text}\n`);
    const directory = await RowDirectory.open(join(this.path, name ?? ""), { cacheBytes: this.cacheBytes, tell });
    this.opened.push(directory);
    return directory;
  }

  async close(): Promise<void> {
    for (const directory of this.opened) await directory.close();
  }
}
