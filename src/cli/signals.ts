import { constants } from "node:os";
import { basename } from "node:path";

/** The signals that stop a command; a closed terminal sends SIGHUP. */
export const STOPPING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The environment's variable that processes with a launcher have. */
export const LAUNCHED = "HASHBROOK_LAUNCHED";
/** By which a launcher stops a process; others are not for it to obey: systemd sends SIGTERM to all processes at once. */
export const LAUNCHERS_STOP = "SIGINT";

/**
 * Aborts at the first Ctrl-C, SIGTERM or SIGHUP, with the signal's name as its reason; a second Ctrl-C or SIGTERM
 * ends the process at once. Under `nohup`, SIGHUP has no effect. A process with a launcher obeys that alone.
 */
export function stopSignal(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const isLaunched = hasLauncher();
  const stop = (name: NodeJS.Signals) => {
    // A shell that ends may send SIGHUP twice, and systemd sends it after SIGTERM: a second one is no new request.
    if (name === "SIGHUP" && (controller.signal.aborted || underNohup())) return;
    if (isLaunched && name !== LAUNCHERS_STOP) return;
    if (controller.signal.aborted) process.exit(statusOf(name));
    controller.abort(name);
  };
  for (const name of STOPPING) process.on(name, stop);
  const release = () => {
    for (const name of STOPPING) process.off(name, stop);
  };
  return { signal: controller.signal, release };
}

/** A channel without the variable is another one's, such as a process manager's. */
const hasLauncher = () => process.env[LAUNCHED] !== undefined && process.connected;

/**
 * Stops this process, as its launcher does, when the one that launched it is gone: nobody would restart it, and it would keep
 * its directory from a successor. No effect on a process without a launcher.
 * @param afterMs how long others may still need it
 */
export function stopWithLauncher(afterMs: number): void {
  if (!hasLauncher()) return;
  const stop = () => process.kill(process.pid, LAUNCHERS_STOP);
  process.once("disconnect", () => void setTimeout(stop, afterMs).unref());
  // Not a reason to stay.
  process.channel?.unref();
}

/** Node restores the default action of every signal when it starts; only the shell's variable `_` still tells. */
function underNohup(): boolean {
  return basename(process.env._ ?? "") === "nohup";
}

/** Reports that a command was stopped before `what`, and exits with its signal's status. */
export function tellStopped({ reason }: AbortSignal, what: string): void {
  process.exitCode = statusOf(reason as NodeJS.Signals);
  process.stderr.write(`hashbrook: stopped before ${what}\n`);
}

/** The same for an output that is left as it was; nothing is said about standard output. */
export function tellUnchanged(signal: AbortSignal, out: string): void {
  if (out === "-") process.exitCode = statusOf(signal.reason as NodeJS.Signals);
  else tellStopped(signal, `${out} was complete: ${out} is unchanged`);
}

/** The exit status of a process that a signal ends, as shells show it. */
export function statusOf(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}
