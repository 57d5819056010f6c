import type { Files } from "../../src/core/files.js";

/** Thrown for a simulated kill; from then on every operation throws it, so no clean-up runs either. */
export class Killed extends Error {}

/**
 * "kill-before", "kill-after": the process ends before or after the operation; "kill-midway": after half of a write.
 * "ENOSPC", "EIO": the operation fails. "short": the disk accepts one byte of a write, and is full from then on.
 */
export type Fault = "kill-before" | "kill-midway" | "kill-after" | "ENOSPC" | "EIO" | "short";

/** Operations that change something: only these are counted and can fail. */
const changing = ["open", "write", "truncate", "fsync", "mkdir", "rename", "remove", "syncDirectory"] as const;
type Changing = (typeof changing)[number];

/** Files whose n-th changing operation (from 1) fails. Counts operations; `trace` records them. */
export class FaultyFiles {
  readonly files: Files;
  readonly trace: string[] = [];
  private readonly inner: Files;
  private readonly at: number;
  private readonly fault: Fault;
  private readonly open = new Set<number>();
  private killed = false;
  private full = false;

  /** @param at 0 = never */
  constructor(inner: Files, fault: Fault, at: number) {
    this.inner = inner;
    this.fault = fault;
    this.at = at;
    const methods = Object.fromEntries(
      Object.keys(inner).map((name) => [name, (...args: unknown[]) => this.call(name as keyof Files, args)]),
    );
    this.files = methods as unknown as Files;
  }

  /** Whether the fault has happened. */
  get struck(): boolean {
    return this.at > 0 && this.trace.length >= this.at;
  }

  private call(name: keyof Files, args: unknown[]): unknown {
    if (this.killed) throw new Killed(`${name} after the kill`);
    const run = (given: unknown[] = args) => this.run(name, given);
    if (!isChanging(name) || (name === "open" && args[1] === "r")) return run();
    this.trace.push(
      `${name} ${args.map((arg) => (arg instanceof Uint8Array ? `${arg.byteLength} bytes` : arg)).join(" ")}`,
    );
    if (this.full && name === "write") throw systemError("ENOSPC", name);
    return this.trace.length === this.at ? this.strike(name, args, run) : run();
  }

  private strike(name: Changing, args: unknown[], run: (args?: unknown[]) => unknown): unknown {
    const [file, data, position] = args as [number, Uint8Array, number];
    switch (this.fault) {
      case "kill-before":
        return this.kill();
      case "kill-midway":
        if (name === "write") run([file, data.subarray(0, data.byteLength >> 1), position]);
        return this.kill();
      case "kill-after":
        run();
        return this.kill();
      case "short":
        if (name !== "write") throw systemError("EIO", name);
        this.full = true;
        return run([file, data.subarray(0, 1), position]);
      default:
        throw systemError(this.fault, name);
    }
  }

  private run(name: keyof Files, args: unknown[]): unknown {
    const result = (this.inner[name] as (...args: unknown[]) => unknown)(...args);
    if (name === "open") this.open.add(result as number);
    if (name === "close") this.open.delete(args[0] as number);
    return result;
  }

  private kill(): never {
    this.killed = true;
    for (const file of this.open) this.inner.close(file);
    throw new Killed("killed");
  }
}

function isChanging(name: keyof Files): name is Changing {
  return (changing as readonly string[]).includes(name);
}

function systemError(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: injected, ${name}`), { code });
}
