import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nodeFiles, quietly, writeFileAtomically } from "../../core/files.js";

/**
 * `member` of a run's directory: the name its process had in the consumer group. Whoever holds the directory's lock knows that
 * the process of that name is dead, and can take its leave of the group instead of waiting until the group misses it.
 */
export class GroupMember {
  readonly former: string | null;
  private readonly path: string | null;

  constructor(directory: string | null) {
    this.path = directory === null ? null : join(directory, "member");
    let former: string | null = null;
    if (this.path !== null) {
      const path = this.path;
      quietly(() => {
        former = readFileSync(path, "utf8").trim() || null;
      });
    }
    this.former = former;
  }

  remember(id: string): void {
    const { path } = this;
    if (path !== null) quietly(() => writeFileAtomically(nodeFiles, path, new TextEncoder().encode(`${id}\n`)));
  }
}
