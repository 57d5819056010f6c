import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../../core/atomic-file.js";
import { nodeFiles, quietly } from "../../core/files.js";
import type { Membership } from "../../sources/kafka/membership.js";

/**
 * The file `member` of a run's directory: the member id that its process has, or had, in the consumer group, and the
 * directory's inode. Whoever holds the directory's lock knows that the process with that id is dead, and takes its
 * place in the group; in a copy of the directory (another inode) that would be wrong.
 */
export class GroupMember implements Membership {
  id: string | null = null;
  private readonly directory: string | null;
  private readonly file: string;

  /** @param file its name: a run that reads two topics is a member of two groups */
  constructor(directory: string | null, file = "member") {
    this.directory = directory;
    this.file = file;
    if (directory === null) return;
    quietly(() => {
      const [id, inode] = readFileSync(join(directory, file), "utf8").split("\n");
      if (id && (!inode || inode === inodeOf(directory))) this.id = id;
    });
  }

  named(id: string): void {
    this.id = id;
    const { directory } = this;
    if (directory === null) return;
    quietly(() => {
      const lines = `${id}\n${inodeOf(directory)}\n`;
      writeFileAtomically(nodeFiles, join(directory, this.file), new TextEncoder().encode(lines));
    });
  }
}

function inodeOf(directory: string): string {
  return String(statSync(directory, { bigint: true }).ino);
}
