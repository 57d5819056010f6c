import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode, quietly } from "./files.js";

/** Identifies a process: a pid is reused, a pid with its start time is not. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in the kernel's ticks since boot; 0 if unknown. */
  readonly started: number;
  /** Identifies boot and pid namespace (container): 8 hex digits. */
  readonly machine: string;
}

/** A process as part of a file's name. */
export const ownerName = ({ pid, started, machine }: ProcessId): string => `${pid}-${started}-${machine}`;

/** The process that `ownerName` has named; undefined if the text is no such name. */
export function ownerNamed(name: string): ProcessId | undefined {
  const match = /^(\d+)-(\d+)-([0-9a-f]{8})$/.exec(name);
  return match ? { pid: Number(match[1]), started: Number(match[2]), machine: match[3] } : undefined;
}

/** This process. @param machine that it runs on */
export const thisProcess = (machine: string): ProcessId => ({
  pid: process.pid,
  started: startTime(process.pid) ?? 0,
  machine,
});

/**
 * Start time of a process of this machine, in the kernel's ticks since boot; undefined when there is no such process, it
 * is a zombie, or the system has no /proc. A pid is reused, a pid with its start time is not.
 */
export function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name (field 2, in parentheses) may contain spaces and parentheses: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    const started = fields[19];
    return state === "Z" || state === "X" ? undefined : Number(started);
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine is alive. @param started its start time; 0 if unknown */
export function isAlive(pid: number, started: number): boolean {
  return started === 0 ? answersSignal(pid) : startTime(pid) === started;
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Identifies boot and pid namespace (container); elsewhere than on Linux the machine's name. */
export function machineName(): string {
  let name = hostname();
  quietly(() => {
    name = readFileSync("/proc/sys/kernel/random/boot_id", "latin1") + readlinkSync("/proc/self/ns/pid");
  });
  return name;
}
