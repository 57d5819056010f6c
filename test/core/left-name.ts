import { basename, join } from "node:path";
import { temporaryFor } from "../../src/core/temporary.js";

/** The name under which a process of this machine that is dead would write `name`. */
export function leftName(folder: string, name: string): string {
  const [, machine] = /-([0-9a-f]{8})-\d+\.tmp$/.exec(basename(temporaryFor(join(folder, name))))!;
  return `.${name}.999999999-1-${machine}-1.tmp`;
}
