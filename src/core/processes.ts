import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode, quietly } from "./files.js";

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
